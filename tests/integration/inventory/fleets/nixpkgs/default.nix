# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
{ ... }:
{
  lib = import ./lib;
  path = ./.;
  overlays = [ ];
  config = { };
  stdenv.hostPlatform.system = "x86_64-linux";
}
