# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Stands in for nix-on-droid in the rehearsal fleet.
{
  description = "Stand-in for nix-on-droid";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
    home-manager = {
      url = "github:nix-community/home-manager/master";
      inputs.nixpkgs.follows = "nixpkgs";
    };
  };

  outputs =
    { home-manager, ... }:
    {
      lib.nixOnDroidConfiguration = import ./droid-configuration.nix { inherit home-manager; };
    };
}
