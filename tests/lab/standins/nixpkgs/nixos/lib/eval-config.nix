# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Modules to a system's configuration: `lib.nixosSystem`, and what other tools import from nixpkgs by this path.

{
  lib ? import ../../lib,
  modules,
  specialArgs ? { },
  system ? null,
  ...
}:
let
  base =
    { config, ... }:
    {
      _module.args.pkgs = lib.mkDefault (
        import ../../pkgs {
          inherit lib;
          system = config.nixpkgs.hostPlatform;
        }
      );
      nixpkgs = if system == null then { } else { hostPlatform = lib.mkDefault system; };
    };
  evaluated = lib.evalModules {
    modules = [
      ../options.nix
      ../etc.nix
      ../systemd.nix
      ../openssh.nix
      ../activation.nix
      ../toplevel.nix
      base
    ]
    ++ modules;
    specialArgs = {
      inherit lib;
      modulesPath = toString ../.;
      evaluateAgain = module: (evaluated.extendModules { modules = [ module ]; }).config;
    }
    // specialArgs;
  };
in
evaluated
// {
  inherit (evaluated.config._module.args) pkgs;
  inherit lib;
  type = "configuration";
  class = "nixos";
}
