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

  # colmena takes absolute files only; a command runs where colmena was started, as a file of the project is looked for.
  ofProject = file: file != null && builtins.substring 0 1 file != "/";
  hiveKey =
    key:
    let
      file = key.file or null;
    in
    given {
      name = key.name or null;
      keyFile = if ofProject file then null else file;
      keyCommand =
        if ofProject file then
          [
            "cat"
            "--"
            file
          ]
        else
          key.command or null;
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
        # null is ssh's own, as it is here.
        targetUser = node.ssh.user;
      }
      // given {
        buildOnTarget = if node.deploy_build_on or null == "target" then true else null;
        targetPort = node.ssh.port;
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
