# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Stands in for deploy-rs's flake: `lib.SYSTEM.activate`, which puts a program beside what is deployed.
{
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { nixpkgs, ... }:
    {
      lib.x86_64-linux.activate =
        let
          pkgs = nixpkgs.legacyPackages.x86_64-linux;
          custom =
            package: line:
            pkgs.symlinkJoin {
              name = "activatable-${package.pname or "system"}";
              paths = [
                package
                (pkgs.writeTextFile {
                  name = "deploy-rs-activate";
                  text = "#!/bin/sh\nset -eu\n${line}\n";
                  executable = true;
                  destination = "/deploy-rs-activate";
                })
              ];
            };
        in
        {
          inherit custom;
          nixos =
            system: custom system.config.system.build.toplevel "$PROFILE/bin/switch-to-configuration switch";
        };
    };
}
