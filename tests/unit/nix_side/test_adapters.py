# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same fleet is one to colmena and to deploy-rs."""

from __future__ import annotations

import typing as t

from .conftest import Nix

FLEET = """
  system = given: { config.system.build.toplevel = { drvPath = "drv"; modules = given.modules; }; };
  inputs = {
    nixpkgs.lib = { nixosSystem = system; marker = "lib"; };
    nixpkgs.legacyPackages.x86_64-linux = "packages";
    nix-darwin.lib.darwinSystem = given: "darwin system";
    home-manager.lib.homeManagerConfiguration = given: "home";
    nix-on-droid.lib.nixOnDroidConfiguration = given: { activationPackage = "droid"; };
  };
  fleet = { inherit inputs; nodes = data; modules = node: [ node.name ]; };
  activate = {
    nixos = base: "nixos ${base.config.system.build.toplevel.drvPath}";
    darwin = base: base;
    home-manager = base: base;
    custom = base: command: "${base} ${command}";
  };
  deploy-rs.lib = { x86_64-linux = { inherit activate; }; aarch64-darwin = { inherit activate; }; };
  colmena.lib.makeHive = raw: { made = builtins.attrNames raw; };
"""
NODES: dict[str, dict[str, t.Any]] = {
    "a": {"ips": ["192.0.2.1"], "system": "x86_64-linux", "tags": ["vps"]},
    "b": {"ips": ["192.0.2.2"], "ssh": {"user": "deploy", "port": 2222}, "configuration": "other"},
    "mac": {"ips": ["192.0.2.3"], "system": "aarch64-darwin", "ssh": {"user": "admin"}},
    "desk": {"ips": ["192.0.2.4"], "system": "x86_64-linux", "platform": "home-manager", "ssh": {"user": "alice"}},
    "phone": {"ips": ["192.0.2.5"], "system": "x86_64-linux", "platform": "nix-on-droid", "ssh": {"port": 8022}},
    "router": {"ips": ["192.0.2.6"], "platform": "custom", "attr": "router", "activate": "bin/activate"},
}


def of(expression: str) -> str:
    return f"let {FLEET} in {expression}"


def test_colmena_gets_the_nixos_machines_and_how_to_reach_them(nix: Nix) -> None:
    hive = nix.evaluate(of('removeAttrs (lib.toColmena fleet) [ "meta" ]'), data=NODES)
    assert hive == {
        "a": {
            "imports": ["a"],
            "deployment": {"targetHost": "192.0.2.1", "tags": ["vps"], "targetUser": None},
        },
        "b": {
            "imports": ["b"],
            "deployment": {
                "targetHost": "192.0.2.2",
                "tags": [],
                "targetUser": "deploy",
                "targetPort": 2222,
            },
        },
    }


def test_colmena_brings_the_same_keys(nix: Nix) -> None:
    keys = {
        "token": {"command": ["pass", "token"], "owner": "web", "upload_at": "post-activation"},
        "tls": {"file": "/secrets/tls", "group": "nginx", "mode": "0440", "directory": "/run/tls"},
    }
    data = {"a": {**NODES["a"], "keys": keys}}
    assert nix.evaluate(of("(lib.toColmena fleet).a.deployment.keys"), data=data) == {
        "token": {
            "keyCommand": ["pass", "token"],
            "user": "web",
            "permissions": "0400",
            "uploadAt": "post-activation",
        },
        "tls": {"keyFile": "/secrets/tls", "group": "nginx", "permissions": "0440", "destDir": "/run/tls"},
    }


def test_colmena_finds_a_file_of_the_project_where_it_is_started(nix: Nix) -> None:
    data = {"a": {**NODES["a"], "keys": {"token": {"file": "secrets/token"}}}}
    key = nix.evaluate(of("(lib.toColmena fleet).a.deployment.keys.token"), data=data)
    assert key == {"keyCommand": ["cat", "--", "secrets/token"], "permissions": "0400"}


def test_colmena_builds_on_a_target_that_builds_for_itself(nix: Nix) -> None:
    data = {"a": {**NODES["a"], "deploy_build_on": "target"}, "b": {**NODES["a"], "deploy_build_on": "homelab"}}
    built = nix.evaluate(
        of("builtins.mapAttrs (_: at: at.buildOnTarget) (lib.toColmenaHive fleet).deploymentConfig"), data=data
    )
    assert built == {"a": True, "b": False}


def test_colmenas_own_input_makes_the_hive_where_it_is_given(nix: Nix) -> None:
    assert nix.evaluate(of("lib.toColmenaHive (fleet // { inherit colmena; })"), data=NODES) == {
        "made": ["a", "b", "meta"]
    }


def test_without_it_the_hive_has_all_that_colmena_asks_for(nix: Nix) -> None:
    expression = of(
        """
        let hive = lib.toColmenaHive fleet; in {
          inherit (hive) __schema metaConfig;
          deployment = hive.deploymentConfigSelected [ "b" ];
          drvs = hive.evalSelectedDrvPaths [ "a" ];
          marker = hive.introspect ({ lib, pkgs, nodes }: [ lib.marker pkgs (builtins.attrNames nodes) ]);
        }
        """
    )
    hive = nix.evaluate(expression, data=NODES)
    assert (hive["__schema"], hive["metaConfig"]) == ("v0.5", {"allowApplyAll": True, "machinesFile": None})
    assert hive["deployment"]["b"] == {
        "allowLocalDeployment": False,
        "buildOnTarget": False,
        "keys": {},
        "privilegeEscalationCommand": ["sudo", "-H", "--"],
        "replaceUnknownProfiles": True,
        "sshOptions": [],
        "tags": [],
        "targetHost": "192.0.2.2",
        "targetPort": 2222,
        "targetUser": "deploy",
    }
    assert hive["drvs"] == {"a": "drv"}
    assert hive["marker"] == ["lib", "packages", ["a", "b"]]


def test_deploy_rs_gets_every_node_that_it_can_activate(nix: Nix) -> None:
    nodes = {**NODES, "b": {**NODES["b"], "system": "x86_64-linux"}}
    deploy = nix.evaluate(of("(lib.toDeployRs (fleet // { inherit deploy-rs; })).nodes"), data=nodes)
    assert deploy == {
        "a": {"hostname": "192.0.2.1", "profiles": {"system": {"user": "root", "path": "nixos drv"}}},
        "b": {
            "hostname": "192.0.2.2",
            "sshUser": "deploy",
            "sshOpts": ["-p", "2222"],
            "profiles": {"system": {"user": "root", "path": "nixos drv"}},
        },
        "mac": {
            "hostname": "192.0.2.3",
            "sshUser": "admin",
            "profiles": {"system": {"user": "root", "path": "darwin system"}},
        },
        "desk": {"hostname": "192.0.2.4", "sshUser": "alice", "profiles": {"home-manager": {"path": "home"}}},
        "phone": {
            "hostname": "192.0.2.5",
            "sshOpts": ["-p", "8022"],
            "profiles": {
                "nix-on-droid": {
                    "profilePath": "/nix/var/nix/profiles/nix-on-droid",
                    "path": "droid $PROFILE/activate",
                }
            },
        },
    }
