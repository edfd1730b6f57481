# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A further profile that a node carries beside its system: a user's home, an agent, any activatable package.

{ node, user }:
name: value:
let
  inherit (builtins) deepSeq;

  check = import ./check.nix "node ${node}, profile ${name}";
  given = check.spelt check.profileFields (check.whole value);
  text = field: check.text field (given.${field} or null);

  platform = check.platform (given.platform or null);
  owner = if text "user" != null then text "user" else user;

  defaultConfiguration =
    if platform == "custom" then
      null
    else if platform != "home-manager" then
      node
    else if owner != null then
      "${owner}@${node}"
    else
      check.fail "a home-manager profile needs user or configuration, to find its homeConfigurations.\"user@${node}\"";

  known = {
    inherit name platform;
    configuration =
      if text "configuration" != null then text "configuration" else defaultConfiguration;
    user = text "user";
    profile = text "profile";
    attr = text "attr";
    activate = text "activate";
  };
in
if platform == null then
  check.fail "platform is missing"
else if platform == "custom" && (known.attr == null || known.activate == null) then
  check.fail "a custom profile needs attr and activate: what to build, and which program of it to run"
else
  deepSeq known (given // known)
