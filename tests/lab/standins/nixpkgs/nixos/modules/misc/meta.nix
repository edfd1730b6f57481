# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What modules say of themselves, for documentation that nobody makes here.

{ lib, ... }:
let
  whatever = lib.types.raw // {
    merge = _: map (definition: definition.value);
  };
in
{
  options.meta = lib.mkOption {
    type = lib.types.submodule { freeformType = lib.types.attrsOf whatever; };
    default = { };
  };
}
