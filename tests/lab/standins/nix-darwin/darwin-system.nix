# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# `lib.darwinSystem`: modules to a Mac's configuration.

{ nixpkgs }:
{
  modules,
  specialArgs ? { },
  system ? null,
  ...
}:
let
  inherit (nixpkgs) lib;

  base =
    { config, ... }:
    {
      _module.args.pkgs = lib.mkDefault nixpkgs.legacyPackages.${config.nixpkgs.hostPlatform};
      nixpkgs = if system == null then { } else { hostPlatform = lib.mkDefault system; };
    };
  evaluated = lib.evalModules {
    modules = [
      ./options.nix
      ./etc.nix
      ./launchd.nix
      ./toplevel.nix
      base
    ]
    ++ modules;
    specialArgs = {
      inherit lib;
    }
    // specialArgs;
  };
in
evaluated
// {
  inherit (evaluated.config._module.args) pkgs;
  system = evaluated.config.system.build.toplevel;
  class = "darwin";
}
