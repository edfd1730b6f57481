# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A module as systems have them by the hundred: options with defaults that depend on each other, and a definition for
# the hosts that turn it on. Copied for each of them, since reading many files is part of the work.
{
  config,
  lib,
  node,
  packages,
  ...
}:
let
  inherit (lib) mkOption types;
  number = NUMBER;
  cfg = config.services.service-N;
  remainder = a: b: a - a / b * b;
  # Each host runs one in eight, and not the same ones.
  turnedOn = remainder (number * 7 + node.index * 13) 8 == 0;
in
{
  options.services.service-N = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether to run it.";
    };
    package = mkOption {
      type = types.package;
      default = packages.package-NUMBER;
      description = "What is run.";
    };
    user = mkOption {
      type = types.str;
      default = "service-N";
      description = "Who runs it.";
    };
    group = mkOption {
      type = types.str;
      default = cfg.user;
      description = "The group of its files.";
    };
    port = mkOption {
      type = types.port;
      default = 1024 + number;
      description = "Where it listens.";
    };
    directory = mkOption {
      type = types.str;
      default = "/var/lib/${cfg.user}";
      description = "Where its files are.";
    };
    domains = mkOption {
      type = types.listOf types.str;
      default = [ ];
      description = "What it answers for.";
    };
    settings = mkOption {
      type = types.attrsOf types.anything;
      default = { };
      description = "Its configuration.";
    };
    environment = mkOption {
      type = types.attrsOf types.str;
      default = { };
      description = "Its environment.";
    };
    extraConfig = mkOption {
      type = types.lines;
      default = "";
      description = "More of its configuration.";
    };
  };

  config = lib.mkMerge [
    {
      assertions = [
        {
          assertion = cfg.enable -> cfg.port > 0;
          message = "service-N needs a port.";
        }
      ];
      services.service-N.enable = lib.mkDefault turnedOn;
    }
    (lib.mkIf cfg.enable {
      services.service-N = {
        settings = {
          listen = "${node.name}:${toString cfg.port}";
          root = cfg.directory;
          names = cfg.domains;
        };
        settings.workers = lib.mkDefault (number + node.index);
        domains = map (domain: "n${toString number}.${domain}") node.domains;
        environment.HOME = cfg.directory;
        extraConfig = lib.mkBefore "# ${node.name}";
      };
      users.users.${cfg.user} = {
        inherit (cfg) group;
        home = cfg.directory;
      };
      environment.etc."service-N.conf".text = ''
        ${cfg.extraConfig}
        ${builtins.toJSON cfg.settings}
        ${builtins.toJSON cfg.environment}
        ${builtins.unsafeDiscardStringContext "${cfg.package}"}
      '';
    })
  ];
}
