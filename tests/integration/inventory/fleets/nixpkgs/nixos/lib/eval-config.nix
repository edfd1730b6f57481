# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
{
  system,
  modules,
  specialArgs ? { },
}:
let
  lib = import ../../lib;
in
lib.evalModules {
  inherit modules;
  specialArgs = {
    inherit lib;
    pkgs = { inherit system; };
  }
  // specialArgs;
}
