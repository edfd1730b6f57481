# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# `import <nixpkgs> { system = ...; }`, for those who ask for packages this way.
{
  system ? builtins.currentSystem,
  ...
}:
import ./pkgs {
  inherit system;
  lib = import ./lib;
}
