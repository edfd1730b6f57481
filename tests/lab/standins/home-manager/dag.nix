# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Steps of an activation with what each comes before and after, and their order.

let
  inherit (builtins)
    attrNames
    elem
    filter
    foldl'
    ;
  entry = before: after: data: { inherit before after data; };
in
{
  entryAnywhere = entry [ ] [ ];
  entryBefore = before: entry before [ ];
  entryAfter = after: entry [ ] after;
  entryBetween = before: after: entry before after;

  # Names in order: each after those it names and after those that name it.
  sorted =
    steps:
    let
      names = attrNames steps;
      ahead =
        name:
        filter (other: steps ? ${other}) steps.${name}.after
        ++ filter (other: elem name steps.${other}.before) names;
      place =
        placed: name:
        if elem name placed then placed else foldl' place placed (ahead name) ++ [ name ];
    in
    foldl' place [ ] names;
}
