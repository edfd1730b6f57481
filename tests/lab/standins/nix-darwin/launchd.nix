# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# launchd.daemons → property lists in /Library/LaunchDaemons. There is no launchd where the stand-in runs: what would
# be asked of it is written to /var/log/launchctl.log.

{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;

  daemon =
    { name, config, ... }:
    {
      options = {
        script = mkOption {
          type = types.lines;
          default = "";
        };
        command = mkOption {
          type = types.str;
          default = "${pkgs.writeShellScript "${name}-start" config.script}";
        };
        serviceConfig = mkOption {
          type = types.attrsOf types.anything;
          default = { };
        };
      };
      config.serviceConfig = {
        Label = lib.mkDefault "org.nixos.${name}";
        ProgramArguments = lib.mkDefault [
          "/bin/sh"
          "-c"
          "/bin/wait4path /nix/store && exec ${config.command}"
        ];
      };
    };

  value =
    data:
    if builtins.isBool data then
      (if data then "<true/>" else "<false/>")
    else if builtins.isInt data then
      "<integer>${toString data}</integer>"
    else if builtins.isList data then
      "<array>${lib.concatMapStrings value data}</array>"
    else if builtins.isAttrs data && !(data ? outPath) then
      "<dict>${
        lib.concatStrings (
          lib.mapAttrsToList (key: member: "<key>${lib.escapeXML key}</key>${value member}") data
        )
      }</dict>"
    else
      "<string>${lib.escapeXML "${data}"}</string>";

  daemons = lib.mapAttrsToList (_: given: {
    file = "${given.serviceConfig.Label}.plist";
    source = pkgs.writeText "${given.serviceConfig.Label}.plist" ''
      <?xml version="1.0" encoding="UTF-8"?>
      <!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
      <plist version="1.0">${value given.serviceConfig}</plist>
    '';
  }) config.launchd.daemons;
in
{
  options.launchd.daemons = mkOption {
    type = types.attrsOf (types.submodule daemon);
    default = { };
  };

  config.system.build.launchd = pkgs.runCommand "launchd" { } ''
    mkdir -p "$out/Library/LaunchAgents" "$out/Library/LaunchDaemons" "$out/user/Library/LaunchAgents"
    cd "$out/Library/LaunchDaemons"
    ${lib.concatMapStrings (each: "ln -s ${each.source} ${lib.escapeShellArg each.file}\n") daemons}
  '';

  config.system.activationScripts.launchd.text = ''
    echo "setting up launchd services..." >&2
    launchctl() {
      if test -x /bin/launchctl; then /bin/launchctl "$@"; else printf '%s\n' "$*" >> /var/log/launchctl.log; fi
    }
    mkdir -p /Library/LaunchDaemons
    for source in "$systemConfig"/Library/LaunchDaemons/*; do
      test -e "$source" || continue
      target=/Library/LaunchDaemons/''${source##*/}
      name=$(basename "$target" .plist)
      if cmp -s "$source" "$target"; then continue; fi
      if test -f "$target"; then
        echo "reloading service $name" >&2
        launchctl unload "$target" || true
      else
        echo "creating service $name" >&2
      fi
      cp -f "$source" "$target"
      launchctl load -w "$target"
    done
    for was in /run/current-system/Library/LaunchDaemons/*; do
      test -e "$was" || continue
      file=''${was##*/}
      if test ! -e "$systemConfig/Library/LaunchDaemons/$file"; then
        echo "removing service $(basename "$file" .plist)" >&2
        launchctl unload "/Library/LaunchDaemons/$file" || true
        rm -f "/Library/LaunchDaemons/$file"
      fi
    done
  '';
}
