# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# environment.etc, and how it is installed: never over a file that is not known.

{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;

  entry =
    { name, config, ... }:
    {
      options = {
        enable = mkOption {
          type = types.bool;
          default = true;
        };
        target = mkOption {
          type = types.str;
          default = name;
        };
        text = mkOption {
          type = types.lines;
          default = "";
        };
        source = mkOption {
          type = types.path;
          default = pkgs.writeText "etc-${baseNameOf name}" config.text;
        };
        knownSha256Hashes = mkOption {
          type = types.listOf types.str;
          default = [ ];
        };
      };
    };

  entries = lib.filter (file: file.enable) (lib.attrValues config.environment.etc);
  each = lib.concatMapStrings;
  target = file: lib.escapeShellArg file.target;
in
{
  options.environment.etc = mkOption {
    type = types.attrsOf (types.submodule entry);
    default = { };
  };

  config.system.build.etc = pkgs.runCommand "etc" { } ''
    mkdir -p "$out/etc"
    cd "$out/etc"
    ${each (file: ''
      mkdir -p "$(dirname ${target file})"
      ln -s ${lib.escapeShellArg "${file.source}"} ${target file}
    '') entries}
  '';

  # After the exit of `checkActivation`, as is all that is added to these checks and not to `system.checks`.
  config.system.activationScripts.checks.text = lib.mkAfter ''
    declare -A etcSha256Hashes=(
      ${each (
        file: "[${target file}]=${lib.escapeShellArg (lib.concatStringsSep " " file.knownSha256Hashes)}\n"
      ) entries}
    )
    declare -a unexpected=()
    while read -r file; do
      subPath=''${file#"$systemConfig"/etc/}
      if [[ ! -e /etc/$subPath || $(readlink "/etc/$subPath") == "/etc/static/$subPath" ]]; then continue; fi
      if [[ -f /etc/$subPath ]]; then
        hash=$(shasum -a 256 "/etc/$subPath")
        for known in ''${etcSha256Hashes[$subPath]}; do
          if [[ ''${hash%% *} == "$known" ]]; then continue 2; fi
        done
      fi
      unexpected+=("/etc/$subPath")
    done < <(find -H "$systemConfig/etc" -type l)
    if (( ''${#unexpected[@]} )); then
      printf '\e[1;31merror: Unexpected files in /etc, aborting activation\e[0m\n' >&2
      printf 'The following files have unrecognized content and would be overwritten:\n\n' >&2
      printf '  %s\n' "''${unexpected[@]}" >&2
      printf '\nPlease check there is nothing critical in these files, rename them by adding .before-nix-darwin to the end, and then try again.\n' >&2
      exit 2
    fi
    if [[ -e /etc/nix/nix.custom.conf ]]; then
      printf '\e[1;31merror: custom settings in `/etc/nix/nix.custom.conf`, aborting activation\e[0m\n' >&2
      exit 2
    fi
  '';

  config.system.activationScripts.etc.text = ''
    printf 'setting up /etc...\n' >&2
    ln -sfn "$(readlink -f "$systemConfig/etc")" /etc/static
    while read -r static; do
      file=/etc/''${static#/etc/static/}
      mkdir -p "$(dirname "$file")"
      if [[ -e $file ]]; then
        if [[ $(readlink "$file") == "$static" ]]; then continue; fi
        mv "$file" "$file.before-nix-darwin"
      fi
      ln -s "$static" "$file"
    done < <(find -H /etc/static -type l)
    while read -r file; do
      if [[ $(readlink "$file") == "/etc/static/''${file#/etc/}" && ! -e $file ]]; then rm "$file"; fi
    done < <(find -H /etc -type l)
  '';
}
