# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A NixOS host that follows its own branch by NixOS's own means, system.autoUpgrade. Import it beside the host's configuration:
#
#   nix-fleet.pull = { enable = true; repository = "git+https://git.example.org/fleet"; };
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.nix-fleet.pull;
  common = import ./options.nix {
    inherit lib;
    host = config.networking.hostName;
    output = "nixosConfigurations";
  };
  upgraded = pkgs.writeText "nix-fleet-upgraded" (builtins.readFile ./upgraded.sh);
in
{
  options.nix-fleet.pull = common.options // {
    randomDelay = mkOption {
      type = types.str;
      default = "45min";
      description = "The longest that a host waits after that, each for a time of its own, so that not all of them come at once.";
    };
    allowReboot = mkOption {
      type = types.bool;
      default = false;
      description = "Whether the host reboots for what only a reboot brings into use.";
    };
    rebootWindow = mkOption {
      type = types.nullOr types.attrs;
      default = null;
      example = {
        lower = "01:00";
        upper = "05:00";
      };
      description = "The time of day in which it may do so. By default, any time.";
    };
  };

  config = lib.mkIf cfg.enable {
    assertions = common.assertions cfg;
    system.autoUpgrade = {
      enable = true;
      flake = "${common.flake cfg}#${cfg.configuration}";
      # A branch that was looked at within the hour is looked at again.
      flags = [ "--refresh" ];
      dates = cfg.dates;
      randomizedDelaySec = cfg.randomDelay;
      # The same time each day, that of the host.
      fixedRandomDelay = true;
      # One that was off at the time looks when it is on again.
      persistent = true;
      allowReboot = cfg.allowReboot;
      rebootWindow = cfg.rebootWindow;
    };
    # An upgrade that cannot be noted is none that has failed.
    systemd.services.nixos-upgrade.serviceConfig.ExecStartPost =
      "-/bin/sh ${upgraded} /var/lib/nix.fleet /nix/var/nix/profiles/system /run/current-system";
  };
}
