# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The options of NixOS that the stand-in looks at, and those that configurations like to read.

{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  option =
    type: default:
    mkOption {
      inherit type default;
    };
in
{
  options = {
    assertions = option (types.listOf types.raw) [ ];
    warnings = option (types.listOf types.str) [ ];
    nixpkgs.hostPlatform = mkOption {
      type = types.str;
      default = "x86_64-linux";
    };
    networking.hostName = option types.str "nixos";
    networking.domain = option (types.nullOr types.str) null;
    time.timeZone = option (types.nullOr types.str) null;
    users.motd = option (types.nullOr types.lines) null;
    users.users = option (types.attrsOf types.anything) { };
    environment.systemPackages = option (types.listOf types.package) [ ];
    fileSystems = option (types.attrsOf types.anything) { };
    boot.loader.grub.enable = option types.bool (!config.boot.loader.systemd-boot.enable);
    boot.loader.grub.device = option types.str "";
    boot.loader.grub.devices = option (types.listOf types.str) [ ];
    boot.loader.systemd-boot.enable = option types.bool false;
    boot.loader.systemd-boot.configurationLimit = option (types.nullOr types.int) null;
    boot.kernelPackages = option types.raw pkgs.linuxPackages;
    boot.kernelParams = option (types.listOf types.str) [ ];
    systemd.package = option types.raw pkgs.systemd;
    specialisation = option (types.attrsOf types.raw) { };
    system.build = option (types.lazyAttrsOf types.raw) { };
    system.stateVersion = option types.str lib.trivial.release;
    system.nixos.label = option types.str "${lib.trivial.release}.20261115.0d59e0e";
    system.nixos.distroId = option types.str "nixos";
    services.dbus.implementation = option types.str "broker";
    system.switch.enable = option types.bool true;
    system.switch.inhibitors = option (types.attrsOf types.str) { };
    system.preSwitchChecks = option (types.attrsOf types.lines) { };
    system.extraDependencies = option (types.listOf types.package) [ ];
    system.systemBuilderCommands = option types.lines "";
  };

  config = {
    assertions = [
      {
        assertion = config.fileSystems ? "/";
        message = "The 'fileSystems' option does not specify your root file system.";
      }
      {
        assertion =
          let
            inherit (config.boot.loader) grub;
          in
          grub.enable -> grub.device != "" || grub.devices != [ ];
        message = "You must set the option 'boot.loader.grub.devices' or 'boot.loader.grub.mirroredBoots' to make the system bootable.";
      }
    ];
    environment.systemPackages = [
      pkgs.bashInteractive
      pkgs.coreutils
    ];
    system.switch.inhibitors.dbus-implementation = config.services.dbus.implementation;
    environment.etc = {
      hostname.text = "${config.networking.hostName}\n";
      "nixos-release".text = "${config.system.nixos.label}\n";
      motd = lib.mkIf (config.users.motd != null) { text = config.users.motd; };
    };
  };
}
