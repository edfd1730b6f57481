# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Evaluates many attributes of one flake or file, and tells of each as it starts and when it is done.
#
# The news goes out as traces that begin with `mark`, so that what was found before an error is not lost with it.
# No error is caught: `tryEval` catches some kinds only, and loses the message of those. The caller goes on with the
# remaining attributes in another process.
{
  mark,
  # Attribute paths, each a list of names.
  paths,
  # What a file whose value is a function is called with; null leaves functions as they are.
  arguments,
  # A function of the attribute's value, for its result; without it the attribute is to be a derivation.
  apply ? null,
}:
given:
let
  inherit (builtins)
    attrNames
    elemAt
    foldl'
    genList
    isAttrs
    isFunction
    length
    seq
    toJSON
    trace
    typeOf
    unsafeDiscardStringContext
    ;

  # What made the flake's outputs, where that is nix.fleet's library.
  library =
    let
      found = builtins.tryEval (root.fleet.version or null);
    in
    if found.success && builtins.isString found.value then found.value else null;

  say = event: trace "${mark} ${toJSON event}";

  root = if arguments != null && isFunction given then given arguments else given;

  find = foldl' (
    found: name:
    if found ? missing then
      found
    else if found.value ? ${name} then
      {
        value = found.value.${name};
        depth = found.depth + 1;
      }
    else
      {
        missing = {
          inherit name;
          inherit (found) depth;
          type = typeOf found.value;
          has = if isAttrs found.value then attrNames found.value else [ ];
        };
      }
  ) { value = root; depth = 0; };

  result =
    value:
    if apply != null then
      { value = apply value; }
    else if value ? drvPath then
      {
        drv = unsafeDiscardStringContext value.drvPath;
        out = unsafeDiscardStringContext value.outPath;
      }
    else
      { type = typeOf value; };

  tell =
    index:
    let
      found = find (elemAt paths index);
    in
    say { start = index; } (
      say ({ done = index; inherit library; } // (if found ? missing then { inherit (found) missing; } else result found.value)) null
    );
in
seq root (say { begin = length paths; } (foldl' (_: index: tell index) null (genList (index: index) (length paths))))
