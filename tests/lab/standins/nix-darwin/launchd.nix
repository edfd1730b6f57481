# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# launchd.daemons → property lists in /Library/LaunchDaemons, for which launchctl is asked (tests/lab/hosts/launchctl).
# As the real module, it removes what /run/current-system has and the new system has not.

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
    mkdir -p /Library/LaunchDaemons
    for source in "$systemConfig"/Library/LaunchDaemons/*; do
      [[ -e $source ]] || continue
      target=/Library/LaunchDaemons/''${source##*/}
      if ! diff "$source" "$target" &>/dev/null; then
        if [[ -f $target ]]; then
          echo "reloading service $(basename "$target" .plist)" >&2
          launchctl unload "$target" || true
        else
          echo "creating service $(basename "$target" .plist)" >&2
        fi
        cp -f "$source" "$target"
        launchctl load -w "$target"
      fi
    done
    for was in /run/current-system/Library/LaunchDaemons/*; do
      [[ -e $was ]] || continue
      file=''${was##*/}
      if [[ ! -e $systemConfig/Library/LaunchDaemons/$file ]]; then
        echo "removing service $(basename "$file" .plist)" >&2
        launchctl unload "/Library/LaunchDaemons/$file" || true
        rm -f "/Library/LaunchDaemons/$file"
      fi
    done
  '';
}
