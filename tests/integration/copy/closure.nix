# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# A closure of `count` paths of `size` random bytes, and one that refers to them all, and to the path `more` if there is
# one: input-addressed, so that nobody
# takes it on trust.
{
  count,
  size,
  seed,
  more ? "",
}:
let
  derivation =
    name: script: more:
    builtins.derivation (
      {
        inherit name seed;
        system = builtins.currentSystem;
        builder = "/bin/sh";
        args = [
          "-c"
          "PATH=/usr/bin:/bin; ${script}"
        ];
      }
      // more
    );
  part = number: derivation "part-${toString number}" "head -c ${toString size} /dev/urandom >$out" { };
in
derivation "whole" "echo $parts $more >$out" {
  more = if more == "" then "" else builtins.storePath more;
  parts = map part (builtins.genList (number: number) count);
}
