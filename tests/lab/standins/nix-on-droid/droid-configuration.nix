# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# `lib.nixOnDroidConfiguration`: modules to a phone's configuration.

{ home-manager }:
{
  pkgs,
  modules ? [ ],
  extraSpecialArgs ? { },
  home-manager-path ? home-manager.outPath,
}:
let
  inherit (pkgs) lib;
  evaluated = lib.evalModules {
    modules = [
      ./options.nix
      ./login.nix
      ./generation.nix
      { _module.args.pkgs = lib.mkDefault pkgs; }
    ]
    ++ modules;
    specialArgs = {
      inherit lib;
      isFlake = true;
    }
    // extraSpecialArgs;
  };
in
if
  !(lib.elem pkgs.stdenv.hostPlatform.system [
    "aarch64-linux"
    "x86_64-linux"
  ])
then
  throw "${pkgs.stdenv.hostPlatform.system} is not supported; aarch64-linux / x86_64-linux are the only currently supported system types"
else
  evaluated
  // {
    inherit pkgs;
    activationPackage = evaluated.config.build.activationPackage;
  }
