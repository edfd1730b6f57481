# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The package set of a heavy evaluation. As with NixOS, each host has one of its own.
{ pkgs, ... }:
let
  build =
    arguments:
    derivation (
      arguments
      // {
        inherit (pkgs) system;
        builder = "/bin/sh";
        args = [
          "-c"
          "echo $inputs >$out"
        ];
      }
    );
  packages = import ./load/all-packages.nix build packages;
in
{
  _module.args.packages = packages;
}
