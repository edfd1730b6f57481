# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What a field of an inventory may hold. Each check gives the value back or stops, naming where it stands.
# In every field that nix.fleet knows null means "not given".

where:
let
  inherit (builtins)
    all
    elem
    isAttrs
    isInt
    isList
    isString
    toJSON
    typeOf
    ;

  fail = problem: throw "${where}: ${problem}";

  kind =
    value:
    {
      bool = "a boolean";
      float = "a number";
      int = "a number";
      lambda = "a function";
      list = "a list";
      null = "null";
      path = "a path";
      set = "a set";
      string = "a string";
    }
    .${typeOf value};

  platforms = [
    "custom"
    "darwin"
    "home-manager"
    "nix-on-droid"
    "nixos"
  ];
in
rec {
  inherit fail;

  # The thing itself, not one of its fields.
  whole = value: if isAttrs value then value else fail "must be a set, not ${kind value}";

  set =
    field: value:
    if value == null then
      { }
    else if isAttrs value then
      value
    else
      fail "${field} must be a set, not ${kind value}";

  text =
    field: value:
    if value == null then
      null
    else if !isString value then
      fail "${field} must be a string, not ${kind value}"
    else if value == "" then
      fail "${field} must not be empty"
    else
      value;

  texts =
    field: value:
    if value == null then
      [ ]
    else if !isList value then
      fail "${field} must be a list of strings, not ${kind value}"
    else if !all isString value then
      fail "${field} must be a list of strings, and not all of its members are"
    else
      value;

  port =
    field: value:
    if value == null || isInt value && value >= 1 && value <= 65535 then
      value
    else
      fail "${field} must be an integer from 1 to 65535, not ${toJSON value}";

  platform =
    value:
    let
      given = text "platform" value;
    in
    if given == "nix-darwin" then
      "darwin"
    else if given == null || elem given platforms then
      given
    else
      fail "unknown platform ${toJSON given}, the known ones are: ${toString platforms}";
}
