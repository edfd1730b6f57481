# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The options of nix-on-droid that the stand-in looks at.

{ lib, pkgs, ... }:
let
  inherit (lib) mkOption types;
  option = type: default: mkOption { inherit type default; };

  etc.options = {
    text = option (types.nullOr types.lines) null;
    source = option (types.nullOr types.path) null;
  };

  # The number of whoever evaluates, when the configuration does not tell its own: found by building something.
  ids = import (
    pkgs.runCommand "ids.nix" { } ''
      printf '{ uid = %s; gid = %s; }\n' "$(id -u)" "$(id -g)" > "$out"
    ''
  );
in
{
  options = {
    user.userName = option types.str "nix-on-droid";
    user.group = option types.str "nix-on-droid";
    user.home = option types.path "/data/data/com.termux.nix/files/home";
    user.shell = option types.path "${pkgs.bashInteractive}/bin/bash";
    user.uid = option types.int ids.uid;
    user.gid = option types.int ids.gid;
    environment.packages = option (types.listOf types.package) [ ];
    environment.etc = option (types.attrsOf (types.submodule etc)) { };
    environment.motd = option (types.nullOr types.lines) "Welcome to Nix-on-Droid!\n";
    system.stateVersion = mkOption { type = types.str; };
    build.installationDir = option types.path "/data/data/com.termux.nix/files/usr";
    build.activationBefore = option (types.attrsOf types.raw) { };
    build.activation = option (types.attrsOf types.raw) { };
    build.activationAfter = option (types.attrsOf types.raw) { };
    build.activationPackage = mkOption { type = types.package; };
    build.etc = mkOption { type = types.package; };
  };
}
