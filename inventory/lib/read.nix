# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The data of an inventory, from a file (.nix, .json) or given as it is.

source:
let
  inherit (builtins)
    fromJSON
    isPath
    isString
    match
    readFile
    ;
  ends = ending: match ".*\\.${ending}" (toString source) != null;
in
if !(isPath source || isString source) then
  source
else if ends "json" then
  fromJSON (readFile source)
else if ends "ya?ml" then
  throw "${toString source}: Nix reads no YAML; keep nodes that a flake uses in .nix or .json"
else
  import source
