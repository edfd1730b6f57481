# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What a host is told to follow, whatever platform it is; `output` is where the flake has configurations of it.
{
  lib,
  host,
  output,
}:
let
  inherit (lib) mkOption types;
  # The address reaches a shell on its way, through programs that do not all quote it.
  harmless = text: builtins.match "[A-Za-z0-9@:/._~+-]+" text != null;
in
{
  options = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether this host follows its own branch by itself.";
    };
    repository = mkOption {
      type = types.str;
      example = "git+https://git.example.org/fleet";
      description = "Where the host fetches the flake from: a flake reference without a branch.";
    };
    branch = mkOption {
      type = types.str;
      default = "nixos-tested-${host}";
      description = "The branch that the host follows, which nix.fleet.channel moves.";
    };
    configuration = mkOption {
      type = types.str;
      default = host;
      description = "The name of the host's configuration in the flake's ${output}.";
    };
    dates = mkOption {
      type = types.str;
      default = "04:40";
      description = "When to look for something new.";
    };
  };

  # The flake at the host's branch.
  flake = cfg: "${cfg.repository}?ref=${cfg.branch}";

  assertions = cfg: [
    {
      assertion = harmless cfg.repository && harmless cfg.branch && harmless cfg.configuration;
      message = "nix-fleet.pull: repository, branch and configuration may have no other characters than letters, digits and @:/._~+-, and so repository no parameters";
    }
  ];
}
