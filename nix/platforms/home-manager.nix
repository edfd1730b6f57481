# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A user's home on a machine that runs something else.
{ node, pkgs, ... }:
{
  home.username = node.ssh.user;
  home.homeDirectory = "/home/${node.ssh.user}";
  home.packages = [
    pkgs.hello
    pkgs.ripgrep
  ];
  home.sessionVariables.EDITOR = "vi";
  home.file.".config/fleet/node.json".text = builtins.toJSON { inherit (node) name tags; };

  home.stateVersion = "25.11";
}
