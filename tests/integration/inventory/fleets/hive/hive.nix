# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A hive without flakes.
{
  meta = {
    nixpkgs = ./nixpkgs;
    nodeSpecialArgs.gateway.zone = "Asia/Singapore";
  };

  defaults = {
    deployment.tags = [ "all-of-us" ];
  };

  gateway =
    { zone, ... }:
    {
      time.timeZone = zone;
    };

  mirror =
    { config, nodes, ... }:
    {
      imports = [ ./mirror.nix ];
      deployment = {
        tags = [ nodes.gateway.config.time.timeZone ];
        keys.token.text = "the secret itself";
      };
      environment.etc."token-path".text = config.deployment.keys.token.path;
    };
}
