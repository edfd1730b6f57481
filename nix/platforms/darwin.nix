# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A Mac: tools, and a program that launchd starts at login.
{ node, pkgs, ... }:
{
  networking.hostName = node.name;
  system.primaryUser = node.ssh.user;
  environment.systemPackages = [
    pkgs.hello
    pkgs.jq
  ];

  launchd.daemons.greeting = {
    script = "${pkgs.hello}/bin/hello";
    serviceConfig.RunAtLoad = true;
  };

  system.stateVersion = 6;
}
