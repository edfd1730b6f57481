# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Which machines there are says the state of OpenTofu or Terraform; what they are for is said here.
let
  state = builtins.fromJSON (builtins.readFile ./terraform.tfstate);
in
{
  roles.web = {
    system = "x86_64-linux";
    tags = [ "vps" ];
    ssh.user = "root";
    greeting = "Hello";
    targets = builtins.mapAttrs (_: machine: {
      ips = [ machine.ipv4 ];
      inherit (machine) region;
      domains = [ ];
    }) state.outputs.machines.value;
  };
}
