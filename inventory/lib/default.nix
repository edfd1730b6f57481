# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The Nix side of nix.fleet: reads an inventory of nodes, and makes of it the standard flake outputs and
# what other deployment tools read. It needs nothing but Nix itself; every input is an argument.

let
  inherit (builtins)
    fromJSON
    head
    match
    pathExists
    readFile
    ;
  normalise = inventory: builtins.mapAttrs (import ./node.nix) (import ./roles.nix inventory);
in
rec {
  # That of the collection, which a clone has in galaxy.yml, and what was installed in MANIFEST.json; null for the library alone.
  version =
    if pathExists ../../galaxy.yml then
      head (match ".*\nversion: ([^\n]+)\n.*" (readFile ../../galaxy.yml))
    else if pathExists ../../MANIFEST.json then
      (fromJSON (readFile ../../MANIFEST.json)).collection_info.version
    else
      null;

  # A set of nodes, in either form → its nodes, checked and with every known field filled in.
  inherit normalise;

  # A .nix or .json file, or the data itself → the same.
  readNodes = source: normalise (import ./read.nix source);

  # { inputs, nodes, modules ? node: [ ], specialArgs ? node: { }, pkgs ? system: ... } → nixosConfigurations,
  # darwinConfigurations, nixOnDroidConfigurations and homeConfigurations; and the version, which a deployment compares.
  mkFleet = fleet: import ./fleet.nix (fleet // { nodes = readNodes fleet.nodes; }) // { fleet.version = version; };

  # The same argument → a raw hive, for `colmena` and for `colmena.lib.makeHive`.
  toColmena = fleet: import ./colmena.nix (fleet // { nodes = readNodes fleet.nodes; });

  # The same, and with `colmena` (its flake input) → what it makes of that hive. Without it the hive is made of
  # the fleet's own configurations: complete but for `deployment.*` set inside of modules (keys, for one).
  toColmenaHive = fleet: import ./colmena-hive.nix { inherit mkFleet readNodes toColmena; } fleet;

  # The same, and with `deploy-rs` (its flake input) → `deploy`, with `nodes`. Without it all can be read but a
  # profile's `path`: the program that deploy-rs runs on the target comes from deploy-rs.
  toDeployRs = fleet: import ./deploy-rs.nix { inherit mkFleet; } (fleet // { nodes = readNodes fleet.nodes; });
}
