# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# environment.etc → a tree of links, which the activation script installs.

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
          type = types.nullOr types.lines;
          default = null;
        };
        source = mkOption {
          type = types.path;
          default = pkgs.writeText "etc-${baseNameOf name}" config.text;
        };
        # "symlink", or a mode such as "0600" for a copy of the file.
        mode = mkOption {
          type = types.str;
          default = "symlink";
        };
      };
    };

  entries = lib.filter (file: file.enable) (lib.attrValues config.environment.etc);
in
{
  options.environment.etc = mkOption {
    type = types.attrsOf (types.submodule entry);
    default = { };
  };

  config.system.build.etc = pkgs.runCommand "etc" { } ''
    mkdir -p "$out/etc"
    cd "$out/etc"
    ${lib.concatMapStrings (
      file:
      let
        target = lib.escapeShellArg file.target;
      in
      ''
        mkdir -p "$(dirname ${target})"
        ln -s ${lib.escapeShellArg "${file.source}"} ${target}
        ${lib.optionalString (file.mode != "symlink") "echo ${file.mode} > ${target}.mode"}
      ''
    ) entries}
  '';
}
