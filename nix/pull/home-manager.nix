# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A home that follows its own branch: the user's systemd starts a supervised pull once a day. Import it beside the configuration:
#
#   nix-fleet.pull = { enable = true; host = "workstation"; repository = "git+https://git.example.org/fleet"; };
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
    inherit (cfg) host;
    output = "homeConfigurations";
  };
  program = pkgs.writeText "nix-fleet-pull" (import ./program.nix { platform = "home_manager"; });
in
{
  options.nix-fleet.pull = common.options // {
    host = mkOption {
      type = types.str;
      description = "The name of the host in the inventory, of which the branch is called.";
    };
    configuration = mkOption {
      type = types.str;
      default = "${config.home.username}@${cfg.host}";
      description = "The name of the home in the flake's homeConfigurations.";
    };
    randomDelay = mkOption {
      type = types.str;
      default = "45min";
      description = "The longest that a host waits after that, each for a time of its own.";
    };
  };

  config = lib.mkIf cfg.enable {
    assertions = common.assertions cfg;
    systemd.user.services.nix-fleet-pull = {
      Unit.Description = "Follow ${cfg.branch} of the fleet's flake";
      Service = {
        Type = "oneshot";
        ExecStart = "/bin/sh ${program} ${common.flake cfg} \"homeConfigurations.\\\"${cfg.configuration}\\\".activationPackage\"";
        # The switch restarts the user's services, and must not end with this one.
        KillMode = "process";
      };
    };
    systemd.user.timers.nix-fleet-pull = {
      Unit.Description = "Follow ${cfg.branch} of the fleet's flake";
      Timer = {
        OnCalendar = cfg.dates;
        RandomizedDelaySec = cfg.randomDelay;
        Persistent = true;
      };
      Install.WantedBy = [ "timers.target" ];
    };
  };
}
