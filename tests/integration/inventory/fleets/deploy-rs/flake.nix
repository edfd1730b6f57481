# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A fleet as deploy-rs's examples have one: a system with a program beside it, a Mac, and settings at each level.
# A profile's path is a whole system, so that reading it would take minutes; here it is an error.
{
  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
    deploy-rs.url = "github:serokell/deploy-rs";
  };

  outputs =
    { self, deploy-rs, ... }:
    {
      nixosConfigurations.server = throw "an inventory evaluates no system";
      darwinConfigurations.mac = throw "an inventory evaluates no system";

      deploy = {
        sshOpts = [
          "-o"
          "StrictHostKeyChecking=yes"
        ];
        magicRollback = false;

        nodes.server = {
          hostname = "server.example.net";
          sshOpts = [
            "-p"
            "2221"
          ];
          fastConnection = true;
          profiles.system = {
            sshUser = "admin";
            user = "root";
            path = deploy-rs.lib.x86_64-linux.activate.nixos self.nixosConfigurations.server;
          };
          profiles.greeter = {
            sshUser = "greeter";
            path = deploy-rs.lib.x86_64-linux.activate.custom (throw "not evaluated") "./bin/activate";
          };
        };

        nodes.mac = {
          hostname = "mac.example.net";
          remoteBuild = true;
          profiles.system = {
            user = "root";
            path = deploy-rs.lib.aarch64-darwin.activate.darwin self.darwinConfigurations.mac;
          };
        };
      };
    };
}
