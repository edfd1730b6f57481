# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The standard flake outputs of a fleet: one configuration a node, of the modules that the user names for it.
# Every module is given `node`, its own node, and `nodes`, all of them by name.

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
    attrValues
    concatMap
    concatStringsSep
    filter
    groupBy
    head
    length
    mapAttrs
    ;

  # A node's further profiles have configurations too, each seen as a node of its own.
  members = concatMap (node: [ node ] ++ map (carriedBy node) (attrValues node.profiles)) (
    attrValues nodes
  );
  carriedBy =
    node: profile:
    node
    // profile
    // {
      name = "${profile.name}@${node.name}";
      profiles = { };
    };

  configurations =
    platform: build:
    mapAttrs (
      configuration: sharing:
      if length sharing == 1 then
        build (head sharing)
      else
        throw "configuration ${configuration}: shared by nodes ${
          concatStringsSep ", " (map (node: node.name) sharing)
        }, so mkFleet cannot tell whose data to make it of; define it beside mkFleet's outputs"
    ) (groupBy (node: node.configuration) (filter (node: node.platform == platform) members));

  argumentsOf = node: specialArgs node // { inherit node nodes; };

  # Where the node does not say its system, its modules do (nixpkgs.hostPlatform).
  systemModule =
    node:
    { lib, ... }:
    if node.system == null then { } else { nixpkgs.hostPlatform = lib.mkDefault node.system; };

  pkgsOf =
    node:
    if node.system == null then
      throw "node ${node.name}: a ${node.platform} configuration is made of the packages of one system; give the node its `system`"
    else
      pkgs node.system;

  input =
    node: name:
    inputs.${name} or (throw "node ${node.name}: a ${node.platform} configuration needs the flake input ${name}, and mkFleet was given none");
in
{
  nixosConfigurations = configurations "nixos" (
    node:
    (input node "nixpkgs").lib.nixosSystem {
      modules = [ (systemModule node) ] ++ modules node;
      specialArgs = argumentsOf node;
    }
  );

  darwinConfigurations = configurations "darwin" (
    node:
    (input node "nix-darwin").lib.darwinSystem {
      modules = [ (systemModule node) ] ++ modules node;
      specialArgs = argumentsOf node;
    }
  );

  nixOnDroidConfigurations = configurations "nix-on-droid" (
    node:
    (input node "nix-on-droid").lib.nixOnDroidConfiguration {
      pkgs = pkgsOf node;
      modules = modules node;
      extraSpecialArgs = argumentsOf node;
    }
  );

  homeConfigurations = configurations "home-manager" (
    node:
    (input node "home-manager").lib.homeManagerConfiguration {
      pkgs = pkgsOf node;
      modules = modules node;
      extraSpecialArgs = argumentsOf node;
    }
  );
}
