# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The options of nix-darwin that the stand-in looks at, and those that configurations like to read.

{ lib, ... }:
let
  inherit (lib) mkOption types;
  option = type: default: mkOption { inherit type default; };

  script.options.text = option types.lines "";

  # Every step of an activation that may be added to.
  steps = [
    "preActivation"
    "checks"
    "createRun"
    "extraActivation"
    "groups"
    "users"
    "applications"
    "pam"
    "patches"
    "openssh"
    "etc"
    "defaults"
    "userDefaults"
    "launchd"
    "userLaunchd"
    "nix-daemon"
    "time"
    "networking"
    "power"
    "keyboard"
    "fonts"
    "nvram"
    "homebrew"
    "postActivation"
  ];
in
{
  options = {
    assertions = option (types.listOf types.raw) [ ];
    warnings = option (types.listOf types.str) [ ];
    nixpkgs.hostPlatform = mkOption { type = types.str; };
    networking.hostName = option (types.nullOr types.str) null;
    environment.systemPackages = option (types.listOf types.package) [ ];
    nix.enable = option types.bool true;
    system.checks.text = option types.lines "";
    system.profile = option types.str "/nix/var/nix/profiles/system";
    system.primaryUser = option (types.nullOr types.str) null;
    system.stateVersion = mkOption { type = types.int; };
    system.darwinLabel = option types.str "26.11.20261115.a1fa429";
    system.build = option (types.lazyAttrsOf types.raw) { };
    system.path = option types.raw null;
    system.activationSteps = option types.raw steps;
    system.activationScripts = option (types.attrsOf (types.submodule script)) { };
  };

  config.system.activationScripts = lib.genAttrs steps (_: { });
}
