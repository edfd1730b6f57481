# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A raw hive, as it was before `colmenaHive`.
{
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { nixpkgs, ... }:
    {
      colmena = {
        meta.nixpkgs = import nixpkgs { system = "x86_64-linux"; };
        mirror = {
          deployment.targetHost = "mirror.example.net";
          deployment.targetUser = "operator";
        };
      };
    };
}
