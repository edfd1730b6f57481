# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What a field of an inventory may hold. Each check gives the value back or stops, naming where it stands.
# In every field that nix.fleet knows null means "not given".

where:
let
  inherit (builtins)
    all
    attrNames
    concatMap
    elem
    filter
    head
    isAttrs
    isInt
    isList
    isString
    removeAttrs
    stringLength
    substring
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

  last = text: substring (stringLength text - 1) 1 text;
  first = substring 0 1;
  tail = text: substring 1 (-1) text;
  init = text: substring 0 (stringLength text - 1) text;

  # A letter more, less or of another kind, or two neighbours exchanged. What both begin or end with says nothing.
  oneLetterOff =
    a: b:
    if a != "" && b != "" && first a == first b then
      oneLetterOff (tail a) (tail b)
    else if a != "" && b != "" && last a == last b then
      oneLetterOff (init a) (init b)
    else
      stringLength a <= 1 && stringLength b <= 1 && a != b
      || stringLength a == 2 && a == last b + first b && stringLength b == 2;

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

  # No field is one letter off a known one, which was meant; all others are the user's own.
  spelt =
    known: given:
    let
      misspelt = concatMap (
        field: map (meant: { inherit field meant; }) (filter (oneLetterOff field) known)
      ) (attrNames (removeAttrs given known));
    in
    if misspelt == [ ] then
      given
    else
      fail "unknown field ${(head misspelt).field}, one letter off ${(head misspelt).meant}; correct it, or give a field of your own another name";

  nodeFields = [
    "activate"
    "address"
    "ansible_become_user"
    "attr"
    "configuration"
    "hostName"
    "ips"
    "keys"
    "name"
    "nix_attr"
    "nix_profile"
    "platform"
    "primaryIp"
    "profile"
    "profiles"
    "role"
    "ssh"
    "system"
    "tags"
  ];

  profileFields = [
    "activate"
    "attr"
    "configuration"
    "keys"
    "name"
    "platform"
    "profile"
    "user"
  ];

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
