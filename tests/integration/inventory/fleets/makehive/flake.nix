# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Stands in for colmena's flake: `lib.makeHive`, with what an evaluated hive offers to those who read it.
{
  outputs =
    { self }:
    {
      lib.makeHive =
        hive:
        let
          packages = hive.meta.nixpkgs;
          inherit (packages.lib) mkOption types;
          option = type: default: mkOption { inherit type default; };
          options =
            { name, ... }:
            {
              options.deployment = {
                allowLocalDeployment = option types.bool false;
                buildOnTarget = option types.bool false;
                keys = option (types.attrsOf types.anything) { };
                privilegeEscalationCommand = option (types.listOf types.str) [
                  "sudo"
                  "-H"
                  "--"
                ];
                replaceUnknownProfiles = option types.bool true;
                sshOptions = option (types.listOf types.str) [ ];
                tags = option (types.listOf types.str) [ ];
                targetHost = option (types.nullOr types.str) name;
                targetPort = option (types.nullOr types.int) null;
                targetUser = option (types.nullOr types.str) "root";
              };
            };
          nodes = builtins.mapAttrs (
            name: module:
            import (packages.path + "/nixos/lib/eval-config.nix") {
              inherit (packages.stdenv.hostPlatform) system;
              modules = [
                options
                (hive.defaults or { })
                module
              ];
              specialArgs = { inherit name nodes; };
            }
          ) (builtins.removeAttrs hive [ "meta" "defaults" ]);
        in
        {
          __schema = "v0.5";
          inherit nodes;
          deploymentConfig = builtins.mapAttrs (_: node: node.config.deployment) nodes;
          toplevel = throw "an inventory builds nothing";
        };
    };
}
