# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Beside a real nixpkgs from before flakes: the outputs that a fleet is made of.
{
  description = "A real nixpkgs, with packages that are the host's own programs";

  outputs =
    _:
    let
      lib = import ./lib // {
        # Since 21.05.
        escapeXML = builtins.replaceStrings [ "\"" "'" "<" ">" "&" ] [ "&quot;" "&apos;" "&lt;" "&gt;" "&amp;" ];
      };
      packages =
        system:
        import ./rehearsal {
          inherit system;
          nixpkgs = ./.;
        };
    in
    {
      lib = lib // {
        nixosSystem =
          {
            modules,
            specialArgs ? { },
            system ? "x86_64-linux",
            ...
          }:
          import ./nixos/lib/eval-config.nix {
            inherit system;
            pkgs = packages system;
            modules = modules ++ [ ./rehearsal/machine.nix ];
            specialArgs = {
              inherit lib;
            }
            // specialArgs;
          };
      };
      legacyPackages = lib.genAttrs [
        "x86_64-linux"
        "aarch64-linux"
      ] packages;
    };
}
