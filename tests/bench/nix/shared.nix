# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Closures of `hosts` hosts: `shared` paths that all of them have and `own` paths each, of `size` bytes, a third of them
# random as in what is compressed already, and for each host one path that refers to its own and to all that are shared.
{
  hosts,
  shared,
  own,
  size,
  seed,
}:
let
  script =
    name: text: more:
    derivation (
      {
        inherit name seed;
        system = builtins.currentSystem;
        builder = "/bin/sh";
        args = [
          "-c"
          "PATH=/usr/bin:/bin; ${text}"
        ];
      }
      // more
    );
  # One build with an output for each path.
  batch =
    name: count:
    let
      names = [ "out" ] ++ builtins.genList (part: "part${toString part}") (count - 1);
      made = script name ''
        for output in $outputs; do
          eval "path=\$$output"
          { head -c $((size / 3)) /dev/urandom; yes "$path" | head -c $((size - size / 3)); } >"$path"
        done
      '' { inherit size; outputs = names; };
    in
    map (output: made.${output}) names;
  everywhere = batch "shared" shared;
in
builtins.genList (
  number:
  script "system-${toString (number + 1)}" "echo $parts >$out" {
    parts = everywhere ++ batch "own-${toString (number + 1)}" own;
  }
) hosts
