# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Stands in for colmena's flake: `lib.makeHive`, with the outputs of an evaluated hive that others read.
{
  outputs = _: {
    lib.makeHive =
      hive:
      let
        inherit (hive.meta) nixpkgs;
        inherit (nixpkgs.lib) mkOption types;
        option = type: default: mkOption { inherit type default; };
        options =
          { name, ... }:
          {
            options.deployment = {
              targetHost = option (types.nullOr types.str) name;
              targetPort = option (types.nullOr types.int) null;
              targetUser = option (types.nullOr types.str) "root";
              buildOnTarget = option types.bool false;
              tags = option (types.listOf types.str) [ ];
              keys = option (types.attrsOf types.anything) { };
            };
          };
        members = builtins.removeAttrs hive [ "meta" ];
        nodes = builtins.mapAttrs (
          name: module:
          import (nixpkgs.path + "/nixos/lib/eval-config.nix") {
            inherit (nixpkgs) system;
            modules = [
              options
              module
            ];
            specialArgs = {
              inherit name nodes;
            }
            // hive.meta.nodeSpecialArgs.${name} or { };
          }
        ) members;
      in
      {
        __schema = "v0.5";
        inherit nodes;
        deploymentConfig = builtins.mapAttrs (_: node: node.config.deployment) nodes;
        toplevel = builtins.mapAttrs (_: node: node.config.system.build.toplevel) nodes;
      };
  };
}
