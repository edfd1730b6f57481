# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Stands in for home-manager in the rehearsal fleet.
{
  description = "Stand-in for home-manager";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { nixpkgs, ... }:
    {
      lib = {
        hm.dag = import ./dag.nix;
        homeManagerConfiguration = import ./home-configuration.nix { inherit nixpkgs; };
      };
    };
}
