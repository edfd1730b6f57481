# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# `lib.homeManagerConfiguration`: modules to a home's configuration.

{ nixpkgs }:
{
  pkgs,
  modules ? [ ],
  extraSpecialArgs ? { },
  ...
}:
let
  lib = nixpkgs.lib // {
    hm.dag = import ./dag.nix;
  };
  evaluated = lib.evalModules {
    modules = [
      ./options.nix
      ./files.nix
      ./generation.nix
      { _module.args.pkgs = lib.mkDefault pkgs; }
    ]
    ++ modules;
    specialArgs = {
      inherit lib;
    }
    // extraSpecialArgs;
  };
in
evaluated
// {
  inherit pkgs;
  activationPackage = evaluated.config.home.activationPackage;
  newsDisplay = "silent";
}
