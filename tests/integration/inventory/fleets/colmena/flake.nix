# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A fleet as colmena's tutorial has its readers write one, and one more node for each option that is taken over.
{
  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
    colmena.url = "github:zhaofengli/colmena";
  };

  outputs =
    { colmena, nixpkgs, ... }:
    {
      colmenaHive = colmena.lib.makeHive {
        meta.nixpkgs = import nixpkgs { system = "x86_64-linux"; };

        defaults = {
          deployment.keys.token.text = "the secret itself";
        };

        gateway =
          { name, nodes, ... }:
          {
            networking.hostName = name;
            time.timeZone = nodes.mirror.config.time.timeZone;
          };

        mirror = {
          time.timeZone = "Asia/Singapore";
          deployment = {
            targetHost = "mirror.example.net";
            targetPort = 2022;
            targetUser = "operator";
            tags = [
              "web"
              "infra-sin"
            ];
          };
        };

        "backup.example.net" = {
          deployment = {
            buildOnTarget = true;
            sshOptions = [
              "-o"
              "ProxyCommand=nc '%h' %p"
            ];
          };
        };

        laptop = {
          deployment = {
            allowLocalDeployment = true;
            targetHost = null;
          };
        };
      };
    };
}
