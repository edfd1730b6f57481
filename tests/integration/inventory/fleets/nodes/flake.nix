# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
{
  outputs =
    { self }:
    {
      fleet.nodes = import ./nodes.nix;
      nixosConfigurations.other = throw "not asked for";
    };
}
