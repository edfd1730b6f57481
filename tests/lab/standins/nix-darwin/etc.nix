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

  config.system.activationScripts.checks.text = lib.mkAfter ''
    unexpected=
    check_etc_file() {
      file=$1
      shift
      if test ! -e "/etc/$file" || test "$(readlink "/etc/$file")" = "/etc/static/$file"; then return; fi
      if test -f "/etc/$file"; then
        hash=$(sha256sum "/etc/$file")
        for known in "$@"; do if test "''${hash%% *}" = "$known"; then return; fi; done
      fi
      unexpected="$unexpected  /etc/$file
    "
    }
    ${each (file: "check_etc_file ${target file} ${lib.escapeShellArgs file.knownSha256Hashes}\n") entries}
    if test -n "$unexpected"; then
      printf 'error: Unexpected files in /etc, aborting activation\n' >&2
      printf 'The following files have unrecognized content and would be overwritten:\n\n%s\n' "$unexpected" >&2
      printf 'Please check there is nothing critical in these files, rename them by adding .before-nix-darwin to the end, and then try again.\n' >&2
      exit 2
    fi
  '';

  config.system.activationScripts.etc.text = ''
    printf 'setting up /etc...\n' >&2
    was=
    if test -d /etc/static; then was=$(readlink -f /etc/static); fi
    ln -sfn "$(readlink -f "$systemConfig/etc")" /etc/static
    (cd "$systemConfig/etc/" && find . -type l) | while read -r file; do
      file=''${file#./}
      mkdir -p "$(dirname "/etc/$file")"
      if test "$(readlink "/etc/$file")" = "/etc/static/$file"; then continue; fi
      if test -e "/etc/$file"; then mv "/etc/$file" "/etc/$file.before-nix-darwin"; fi
      ln -s "/etc/static/$file" "/etc/$file"
    done
    if test -n "$was"; then
      (cd "$was" && find . -type l) | while read -r file; do
        file=''${file#./}
        if test "$(readlink "/etc/$file")" = "/etc/static/$file" && test ! -e "/etc/static/$file"; then
          rm "/etc/$file"
        fi
      done
    fi
  '';
}
