# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The fleet: which machines there are, and what differs between them. `tags` and roles become Ansible groups; what
# nix.fleet does not know (region, domains, greeting …) is yours, for playbooks and for Nix modules alike.
{
  roles.web = {
    system = "x86_64-linux";
    tags = [ "vps" ];
    ssh.user = "root";
    greeting = "Hello";

    targets.vps-sg-1 = {
      region = "sg";
      ips = [ "192.0.2.11" ];
      domains = [ "www.example.org" ];
    };
    targets.vps-sg-2 = {
      region = "sg";
      ips = [
        "192.0.2.12"
        "198.51.100.12"
      ];
      primaryIp = "198.51.100.12";
      domains = [ "shop.example.org" ];
    };
    targets.vps-de-1 = {
      region = "de";
      ips = [ "192.0.2.21" ];
      ssh.user = "deploy";
      greeting = "Grüß Gott";
      domains = [
        "www.example.de"
        "example.de"
      ];
    };
  };

  roles.builder = {
    system = "x86_64-linux";
    targets.homelab = {
      ips = [ "192.0.2.2" ];
      ssh.user = "root";
      jobs = 4;
    };
  };

  nodes.workstation = {
    platform = "home-manager";
    system = "x86_64-linux";
    tags = [ "desk" ];
    ips = [ "192.0.2.30" ];
    ssh.user = "alice";
  };

  nodes.macbook = {
    platform = "darwin";
    system = "aarch64-darwin";
    tags = [ "desk" ];
    ips = [ "192.0.2.40" ];
    ssh.user = "admin";
  };

  nodes.phone = {
    platform = "nix-on-droid";
    system = "aarch64-linux";
    ips = [ "192.0.2.50" ];
    ssh.port = 8022;
    ssh.user = "nix-on-droid";
    uid = 10180;
  };
}
