# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The options of home-manager that the stand-in looks at.

{ lib, ... }:
let
  inherit (lib) mkOption types;
  option = type: default: mkOption { inherit type default; };
in
{
  options = {
    assertions = option (types.listOf types.raw) [ ];
    warnings = option (types.listOf types.str) [ ];
    home.username = mkOption { type = types.str; };
    home.homeDirectory = mkOption { type = types.path; };
    home.uid = option (types.nullOr types.int) null;
    home.stateVersion = mkOption { type = types.str; };
    home.packages = option (types.listOf types.package) [ ];
    home.sessionVariables = option (types.attrsOf types.anything) { };
    home.activation = option (types.attrsOf types.raw) { };
    home.activationPackage = mkOption { type = types.package; };
    home.version = option types.raw { release = lib.trivial.release; };
  };
}
