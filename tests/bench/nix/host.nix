# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# One host's configuration: paths that all hosts share, some of its own, and what changes from round to round.
{
  config,
  lib,
  node,
  options,
  pkgs,
  ...
}:
let
  change = builtins.fromJSON (builtins.readFile ./change.json);
  # Paths as large as the middle of real ones, without an evaluation to speak of: one derivation, many outputs.
  ballast =
    name: count:
    let
      outputs = [ "out" ] ++ builtins.genList (number: "part${toString number}") (count - 1);
      made = derivation {
        inherit name outputs;
        system = "x86_64-linux";
        builder = "/bin/sh";
        args = [
          "-c"
          ''
            PATH=/usr/bin:/bin
            for output in $outputs; do
              eval "path=\$$output"
              { head -c 20000 /dev/urandom; seq 9000; } >"$path"
            done
          ''
        ];
      };
    in
    map (output: made.${output}) outputs;
in
{
  networking.hostName = node.name;
  # What the plain hosts of the rehearsal fleet say they are, as far as nixpkgs asks.
  system.nixos = lib.optionalAttrs (options.system.nixos ? distroId) { distroId = "debian"; };
  fileSystems."/".device = "/dev/disk/by-label/root";
  boot.loader.grub.device = "/dev/vda";
  # They have no boot loader.
  system.build.installBootLoader = lib.mkForce (pkgs.writeShellScript "no-boot-loader" "");
  environment.etc.change.text = change;
  system.extraDependencies = ballast "shared" 90 ++ ballast "own-${node.name}" 10;
}
