# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A closure of `paths` paths of `size` bytes each, a third of them random as in what is compressed already, and one path
# that refers to them all. Few builds make it, since a build has many outputs. `change` makes only that last path anew.
{
  paths,
  size,
  seed,
  change ? "",
}:
let
  script = name: text: more:
    derivation (
      {
        inherit name;
        system = builtins.currentSystem;
        builder = "/bin/sh";
        args = [
          "-c"
          "PATH=/usr/bin:/bin; ${text}"
        ];
      }
      // more
    );
  outputs = 100;
  batch =
    number:
    let
      count = if paths - number * outputs < outputs then paths - number * outputs else outputs;
      names = [ "out" ] ++ builtins.genList (part: "part${toString part}") (count - 1);
      made = script "batch-${toString number}" ''
        for output in $outputs; do
          eval "path=\$$output"
          { head -c $((size / 3)) /dev/urandom; yes "$path $number" | head -c $((size - size / 3)); } >"$path"
        done
      '' { inherit seed size number; outputs = names; };
    in
    map (name: made.${name}) names;
in
script "whole" "echo $parts $change >$out" {
  inherit change;
  parts = builtins.concatMap batch (builtins.genList (number: number) ((paths + outputs - 1) / outputs));
}
