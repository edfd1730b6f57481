# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# home.file and xdg.configFile → the tree `home-files`, whose members are linked into the home.

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
          default = pkgs.writeTextFile {
            name = "hm_${lib.replaceStrings [ "." ] [ "" ] (baseNameOf name)}";
            inherit (config) text;
            executable = config.executable == true;
          };
        };
        executable = mkOption {
          type = types.nullOr types.bool;
          default = null;
        };
        force = mkOption {
          type = types.bool;
          default = false;
        };
      };
    };

  files = lib.filter (file: file.enable) (lib.attrValues config.home.file);
in
{
  options.home.file = mkOption {
    type = types.attrsOf (types.submodule entry);
    default = { };
  };
  options.xdg.configFile = mkOption {
    type = types.attrsOf types.anything;
    default = { };
  };
  options.home-files = mkOption { type = types.package; };

  config.home.file = lib.mapAttrs' (
    name: file: lib.nameValuePair ".config/${name}" file
  ) config.xdg.configFile;

  config.home-files = pkgs.runCommand "home-manager-files" { } ''
    mkdir "$out"
    cd "$out"
    ${lib.concatMapStrings (
      file:
      let
        target = lib.escapeShellArg file.target;
      in
      ''
        mkdir -p "$(dirname ${target})"
        ln -s ${lib.escapeShellArg "${file.source}"} ${target}
      ''
    ) files}
  '';

  config.home.activation = {
    checkLinkTargets = lib.hm.dag.entryBefore [ "writeBoundary" ] ''
      forced=${lib.escapeShellArg (lib.concatMapStringsSep "\n" (file: file.target) (lib.filter (file: file.force) files))}
      . ${./check-link-targets.sh}
    '';
    linkGeneration = lib.hm.dag.entryAfter [ "writeBoundary" ] ". ${./link-generation.sh}\n";
  };
}
