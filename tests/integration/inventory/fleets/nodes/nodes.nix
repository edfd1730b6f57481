# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Both forms' fields, and data of every kind that must arrive as they are.
{
  roles.web = {
    platform = "nixos";
    system = "x86_64-linux";
    tags = [ "vps" ];
    targets.vps-sg-1 = {
      ips = [ "192.0.2.11" ];
      domains = [ "a.example" ];
    };
    targets.vps-sg-2 = {
      ips = [
        "192.0.2.12"
        "198.51.100.12"
      ];
      primaryIp = "198.51.100.12";
      ssh.user = "deploy";
    };
  };

  nodes.phone = {
    platform = "nix-on-droid";
    ips = [ "192.0.2.50" ];
    ssh.port = 8022;
    ssh.user = "nix-on-droid";
    data = import ./data.nix;
  };
}
