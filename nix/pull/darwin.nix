# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A Mac that follows its own branch: launchd starts a supervised pull once a day. Import it beside the host's configuration:
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
    host = if config.networking.hostName == null then "" else config.networking.hostName;
    output = "darwinConfigurations";
  };
  program = pkgs.writeText "nix-fleet-pull" (import ./program.nix { platform = "darwin"; });
  time = builtins.match "([0-9]{2}):([0-9]{2})" cfg.dates;
  # 08 is no number to Nix.
  number = text: builtins.fromJSON (builtins.head (builtins.match "0?([0-9]+)" text));
in
{
  options.nix-fleet.pull = common.options // {
    randomDelay = mkOption {
      type = types.int;
      default = 2700;
      description = "The most seconds that a host waits after that, each time another number of them.";
    };
  };

  config = lib.mkIf cfg.enable {
    assertions = common.assertions cfg ++ [
      {
        assertion = time != null;
        message = "nix-fleet.pull.dates: launchd takes a time of day, such as 04:40";
      }
    ];
    launchd.daemons.nix-fleet-pull = {
      script = ''
        exec /bin/sh ${program} ${common.flake cfg} 'darwinConfigurations."${cfg.configuration}".system' ${toString cfg.randomDelay}
      '';
      serviceConfig = {
        StartCalendarInterval = [
          {
            Hour = number (builtins.elemAt time 0);
            Minute = number (builtins.elemAt time 1);
          }
        ];
        # A new system changes this job's own file, and nix-darwin unloads it for that: the supervisor, which is of its process
        # group, is to go on and load it again.
        AbandonProcessGroup = true;
        StandardOutPath = "/var/log/nix-fleet-pull.log";
        StandardErrorPath = "/var/log/nix-fleet-pull.log";
      };
    };
  };
}
