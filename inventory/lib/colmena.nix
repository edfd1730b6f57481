# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A fleet as colmena takes it: a raw hive of the nodes that run NixOS. colmena gives modules an argument `nodes`
# of its own, the configurations; here as under mkFleet it is the inventory's data.

{
  inputs,
  nodes,
  modules ? node: [ ],
  specialArgs ? node: { },
  pkgs ? system: inputs.nixpkgs.legacyPackages.${system},
  ...
}:
let
  inherit (builtins)
    attrNames
    filter
    listToAttrs
    mapAttrs
    ;

  select =
    keep: set:
    listToAttrs (
      map (name: {
        inherit name;
        value = set.${name};
      }) (filter (name: keep set.${name}) (attrNames set))
    );

  machines = select (node: node.platform == "nixos") nodes;

  given = select (value: value != null);

  # colmena takes absolute files only.
  hiveKey =
    key:
    given {
      name = key.name or null;
      keyFile = key.file or null;
      keyCommand = key.command or null;
      destDir = key.directory or null;
      user = key.owner or null;
      group = key.group or null;
      permissions = if key.mode or null == null then "0400" else key.mode;
      uploadAt = key.upload_at or null;
    };

  hiveNode = node: {
    imports = modules node;
    deployment =
      {
        targetHost = node.address;
        inherit (node) tags;
      }
      // given {
        targetPort = node.ssh.port;
        targetUser = node.ssh.user;
        keys = if node.keys or null == null then null else mapAttrs (_: hiveKey) node.keys;
      };
  };
in
{
  meta = {
    nixpkgs = pkgs "x86_64-linux";
    nodeNixpkgs = mapAttrs (_: node: pkgs node.system) (select (node: node.system != null) machines);
    nodeSpecialArgs = mapAttrs (_: node: specialArgs node // { inherit node nodes; }) machines;
  };
}
// mapAttrs (_: hiveNode) machines
