# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A fleet as deploy-rs takes it: `deploy`, with the nodes whose platforms deploy-rs can activate.

{ mkFleet }:
{
  nodes,
  deploy-rs ? null,
  ...
}@fleet:
let
  inherit (builtins)
    attrNames
    filter
    listToAttrs
    ;

  # Said to be nodes, since a node may be called "nodes" itself.
  outputs = mkFleet (fleet // { nodes = { inherit nodes; }; });

  activation =
    node:
    let
      system =
        if node.system == null then
          throw "node ${node.name}: deploy-rs activates by a program for one system; give the node its `system`"
        else
          node.system;
    in
    if deploy-rs == null then
      throw "node ${node.name}: the program that deploy-rs activates with comes from deploy-rs; give toDeployRs its flake input (deploy-rs = inputs.deploy-rs)"
    else
      deploy-rs.lib.${system}.activate;

  profileOf = {
    nixos = node: {
      system = {
        user = "root";
        path = (activation node).nixos outputs.nixosConfigurations.${node.configuration};
      };
    };
    darwin = node: {
      system = {
        user = "root";
        path = (activation node).darwin outputs.darwinConfigurations.${node.configuration};
      };
    };
    home-manager = node: {
      home-manager = {
        path = (activation node).home-manager outputs.homeConfigurations.${node.configuration};
      };
    };
    nix-on-droid = node: {
      nix-on-droid = {
        profilePath = "/nix/var/nix/profiles/nix-on-droid";
        path =
          (activation node).custom outputs.nixOnDroidConfigurations.${node.configuration}.activationPackage
            "$PROFILE/activate";
      };
    };
  };

  deployNode =
    node:
    {
      hostname = node.address;
      profiles = profileOf.${node.platform} node;
    }
    // (if node.ssh.user == null then { } else { sshUser = node.ssh.user; })
    // (
      if node.ssh.port == null then
        { }
      else
        {
          sshOpts = [
            "-p"
            (toString node.ssh.port)
          ];
        }
    );

  supported = filter (name: profileOf ? ${nodes.${name}.platform}) (attrNames nodes);
in
{
  nodes = listToAttrs (
    map (name: {
      inherit name;
      value = deployNode nodes.${name};
    }) supported
  );
}
