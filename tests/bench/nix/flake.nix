# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The fleet of a benchmark, for every tool that deploys one.
{
  inputs.nixpkgs.url = "NIXPKGS";

  outputs =
    inputs:
    let
      lib = import ./lib;
      fleet = {
        inherit inputs;
        nodes = ./nodes.nix;
        modules = _: [ ./host.nix ] ++ import ./load;
      };
      outputs = lib.mkFleet fleet;
    in
    outputs
    // {
      colmenaHive = lib.toColmenaHive fleet;
      deploy = lib.toDeployRs (
        fleet
        // {
          deploy-rs = import ./deploy-rs.nix { pkgs = inputs.nixpkgs.legacyPackages.x86_64-linux; };
        }
      );
      # What nix-eval-jobs takes.
      toplevels = builtins.mapAttrs (
        _: system: system.config.system.build.toplevel
      ) outputs.nixosConfigurations;
    };
}
