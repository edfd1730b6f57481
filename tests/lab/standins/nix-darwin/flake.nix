# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Stands in for nix-darwin in the rehearsal fleet.
{
  description = "Stand-in for nix-darwin";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { nixpkgs, ... }:
    {
      lib.darwinSystem = import ./darwin-system.nix { inherit nixpkgs; };
    };
}
