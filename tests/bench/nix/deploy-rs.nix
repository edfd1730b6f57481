# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What deploy-rs activates: a system beside its own program, which the bench finds next to `deploy`.
{ pkgs }:
{
  lib.x86_64-linux.activate.nixos =
    system:
    let
      inherit (system.config.system.build) toplevel;
      program =
        if builtins.pathExists ./activate-rs then
          ./activate-rs
        else
          throw "deploy-rs is not on PATH, or its program `activate` is not beside it";
    in
    pkgs.runCommand "deploy-rs-${toplevel.name}" { } ''
      mkdir -p "$out"
      for file in ${toplevel}/*; do ln -s "$file" "$out/"; done
      cp ${program} "$out/activate-rs"
      printf '#!/bin/sh\nexec "$PROFILE/bin/switch-to-configuration" switch\n' >"$out/deploy-rs-activate"
      chmod +x "$out/activate-rs" "$out/deploy-rs-activate"
    '';
}
