# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A fleet as `colmena` reads it from a flake: an evaluated hive. colmena's own flake input makes the best one; without
# it, the configurations that mkFleet gives stand in for those that colmena would evaluate.

{
  mkFleet,
  readNodes,
  toColmena,
}:
{ colmena ? null, ... }@fleet:
let
  inherit (builtins)
    elem
    filter
    listToAttrs
    mapAttrs
    removeAttrs
    attrNames
    ;

  raw = toColmena (removeAttrs fleet [ "colmena" ]);
  machines = removeAttrs raw [ "meta" ];
  pick =
    names: set:
    listToAttrs (
      map (name: {
        inherit name;
        value = set.${name};
      }) (filter (name: elem name names) (attrNames set))
    );

  # What colmena fills in for options that were not set.
  defaults = {
    allowLocalDeployment = false;
    buildOnTarget = false;
    keys = { };
    privilegeEscalationCommand = [
      "sudo"
      "-H"
      "--"
    ];
    replaceUnknownProfiles = true;
    sshOptions = [ ];
    tags = [ ];
    targetPort = null;
    targetUser = "root";
  };

  keyDefaults = name: key: {
    inherit name;
    destDir = "/run/keys";
    group = "root";
    keyCommand = null;
    keyFile = null;
    path = "${key.destDir or "/run/keys"}/${key.name or name}";
    permissions = "0600";
    text = null;
    uploadAt = "pre-activation";
    user = "root";
  };
  complete =
    deployment:
    defaults
    // deployment
    // {
      keys = mapAttrs (name: key: keyDefaults name key // key) (deployment.keys or { });
    };

  inherit (mkFleet fleet) nixosConfigurations;
  nodes = mapAttrs (name: _: nixosConfigurations.${(readNodes fleet.nodes).${name}.configuration}) machines;
  toplevel = mapAttrs (_: node: node.config.system.build.toplevel) nodes;
  deploymentConfig = mapAttrs (_: machine: complete machine.deployment) machines;
  evalSelected = names: pick names toplevel;
in
if colmena != null then
  colmena.lib.makeHive raw
else
  {
    __schema = "v0.5";
    inherit
      nodes
      toplevel
      deploymentConfig
      evalSelected
      ;
    deploymentConfigSelected = names: pick names deploymentConfig;
    evalSelectedDrvPaths = names: mapAttrs (_: system: system.drvPath) (evalSelected names);
    metaConfig = {
      allowApplyAll = true;
      machinesFile = null;
    };
    introspect =
      question:
      question {
        inherit (fleet.inputs.nixpkgs) lib;
        pkgs = raw.meta.nixpkgs;
        inherit nodes;
      };
  }
