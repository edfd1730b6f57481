# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Brings both forms of an inventory to one: nodes by name, each with the defaults of its role merged in.

inventory:
let
  inherit (builtins)
    attrNames
    concatLists
    concatStringsSep
    groupBy
    head
    isAttrs
    isList
    length
    mapAttrs
    removeAttrs
    sort
    ;

  check = import ./check.nix;
  pairs = set: map (name: {
    inherit name;
    value = set.${name};
  }) (attrNames set);

  # Editors are told by `$schema` what a file may hold; it is no node.
  whole = removeAttrs ((check "the inventory").whole inventory) [ "$schema" ];

  entries =
    if whole ? roles || whole ? nodes then
      concatLists (map roleEntries (pairs (part "roles"))) ++ entriesOf "nodes" (part "nodes")
    else
      entriesOf "the inventory" whole;

  # The form with roles has nothing else beside them, so that a node put one level too high is noticed.
  part =
    name:
    let
      strangers = attrNames (
        removeAttrs whole [
          "roles"
          "nodes"
        ]
      );
      value = whole.${name} or null;
    in
    if strangers != [ ] then
      throw "${head strangers}: unknown field beside roles and nodes; a node without a role belongs into nodes"
    else if value == null then
      { }
    else
      (check name).whole value;

  entriesOf =
    place: nodes:
    map (node: {
      inherit place;
      inherit (node) name;
      given = (check "node ${node.name}").whole node.value;
    }) (pairs nodes);

  roleEntries =
    role:
    let
      checkRole = check "role ${role.name}";
      given = checkRole.spelt (checkRole.nodeFields ++ [ "targets" ]) (checkRole.whole role.value);
      defaults = removeAttrs given [ "targets" ] // {
        tags = checkRole.texts "tags" (given.tags or null);
      };
      targets =
        if given.targets or null == null then
          checkRole.fail "has no targets; a role is { targets.<name> = { ... }; } and its targets' defaults"
        else
          checkRole.set "targets" given.targets;
    in
    map (
      target:
      target
      // {
        given = asTarget role.name target.name (mergeTarget defaults target.given);
      }
    ) (entriesOf "roles.${role.name}.targets" targets);

  asTarget =
    role: name: given:
    if given.role or null == null || given.role == role then
      given // { inherit role; }
    else
      (check "node ${name}").fail "role ${toString given.role} does not fit, it is a target of role ${role}";

  mergeTarget =
    defaults: target:
    merge defaults target // { tags = joinTags defaults.tags (target.tags or null); };

  merge =
    defaults: own:
    defaults
    // mapAttrs (
      name: value:
      if isAttrs value && isAttrs (defaults.${name} or null) then
        merge defaults.${name} value
      else
        value
    ) own;

  # Tags of a wrong type are left as they are, for the node's own check to name.
  joinTags =
    ofRole: own:
    if own == null then
      ofRole
    else if isList own then
      ofRole ++ own
    else
      own;

  only =
    name: places:
    if length places == 1 then
      (head places).given
    else
      (check "node ${name}").fail "is defined more than once (${
        concatStringsSep ", " (sort (a: b: a < b) (map (entry: entry.place) places))
      })";
in
mapAttrs only (groupBy (entry: entry.name) entries)
