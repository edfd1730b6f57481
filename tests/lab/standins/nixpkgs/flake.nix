# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Stands in for nixpkgs in the rehearsal fleet: the same outputs and signatures, with packages made of /bin/sh.
{
  description = "Stand-in for nixpkgs";

  outputs =
    _:
    let
      lib = import ./lib;
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "x86_64-darwin"
        "aarch64-darwin"
      ];
      nixosSystem = arguments: import ./nixos/lib/eval-config.nix ({ inherit lib; } // arguments);
    in
    {
      # The packages are thin ones, whoever's the library is.
      standIn = true;
      lib = lib // {
        inherit nixosSystem;
      };
      legacyPackages = lib.genAttrs systems (system: import ./pkgs { inherit lib system; });
    };
}
