# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What the machines are for. Where they are, Terraform says: the name stands for an address that it takes the place of.
{
  roles.web = {
    system = "x86_64-linux";
    tags = [ "vps" ];
    ssh.user = "root";
    targets.vps-sg-1.hostName = "vps-sg-1";
    targets.vps-sg-2.hostName = "vps-sg-2";
  };
}
