# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# As many nodes as fleet.json says. The rehearsal fleet has machines for the first fifty.
let
  fleet = builtins.fromJSON (builtins.readFile ./fleet.json);
  node = index: {
    name = "plain-${toString (index + 1)}";
    value = {
      platform = "nixos";
      system = "x86_64-linux";
      ips = [ "203.0.113.${toString (index - index / 250 * 250 + 1)}" ];
      ssh.user = "root";
      tags = [ "rack-${toString (index / 20)}" ];
      index = index;
      domains = [
        "www${toString index}.example.org"
        "mail${toString index}.example.org"
      ];
    };
  };
in
builtins.listToAttrs (builtins.genList node fleet.nodes)
