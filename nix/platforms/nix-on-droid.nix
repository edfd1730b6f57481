# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A phone. Its user's number must be told when it is built for from another machine, which would else give its own.
{ node, pkgs, ... }:
{
  user.uid = node.uid;
  user.gid = node.uid;

  environment.packages = [
    pkgs.hello
    pkgs.openssh
  ];
  environment.motd = "This is ${node.name}.";
  environment.etc."fleet/node.json".text = builtins.toJSON { inherit (node) name system; };

  system.stateVersion = "24.05";
}
