# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The Nix side of nix.fleet: `lib`, which makes flake outputs of an inventory, Ansible with the collection, a template of
# a fleet, and as its example a whole fleet. Only the example needs other inputs than nixpkgs.
{
  description = "nix.fleet: one Nix inventory, one playbook, any machine that runs Nix";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
    nix-darwin = {
      url = "github:nix-darwin/nix-darwin/master";
      inputs.nixpkgs.follows = "nixpkgs";
    };
    home-manager = {
      url = "github:nix-community/home-manager/master";
      inputs.nixpkgs.follows = "nixpkgs";
    };
    nix-on-droid = {
      url = "github:nix-community/nix-on-droid/master";
      inputs.nixpkgs.follows = "nixpkgs";
      inputs.home-manager.follows = "home-manager";
    };
  };

  outputs =
    inputs:
    let
      lib = import ./inventory/lib;

      forSystems =
        make:
        builtins.listToAttrs (
          map
            (system: {
              name = system;
              value = make (
                import ./nix/ansible.nix {
                  pkgs = inputs.nixpkgs.legacyPackages.${system};
                  inherit (lib) version;
                }
              );
            })
            [
              "x86_64-linux"
              "aarch64-linux"
              "aarch64-darwin"
              "x86_64-darwin"
            ]
        );

      fleet = {
        inherit inputs;
        nodes = ./inventory/nodes.nix;
        modules =
          node:
          [ ./nix/platforms/${node.platform}.nix ]
          ++ (if node.role == null then [ ] else [ ./nix/roles/${node.role}.nix ]);
      };
    in
    lib.mkFleet fleet
    // {
      inherit lib;

      # A flake that takes this one as its input hands them on: inherit (inputs.nix-fleet) apps devShells;
      packages = forSystems (made: {
        inherit (made) ansible;
        default = made.ansible;
      });
      devShells = forSystems (made: {
        default = made.shell;
      });
      apps = forSystems (made: {
        deploy = {
          type = "app";
          program = "${made.deploy}";
        };
      });

      templates.default = {
        path = ./nix/template;
        description = "A fleet of one's own, with one NixOS machine";
        welcomeText = ''
          Write your machine into inventory/nodes.nix and hosts/web-1.nix. Then:

              git init && git add .
              nix flake lock && git add flake.lock
              nix run .#deploy -- --check --diff
        '';
      };

      # For hosts that follow their own branch by themselves: docs/channels.md.
      nixosModules.pull = ./nix/pull/nixos.nix;
      darwinModules.pull = ./nix/pull/darwin.nix;
      homeModules.pull = ./nix/pull/home-manager.nix;

      # The same fleet for other tools. With their flake inputs in `inputs`, they are used.
      colmena = lib.toColmena fleet;
      colmenaHive = lib.toColmenaHive (fleet // { colmena = inputs.colmena or null; });
      deploy = lib.toDeployRs (fleet // { deploy-rs = inputs.deploy-rs or null; });
    };
}
