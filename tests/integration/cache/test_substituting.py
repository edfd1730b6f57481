# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet that fetches what was built from a cache behind nginx: by role and playbook."""

from __future__ import annotations

import contextlib
import json
import subprocess
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..copy.conftest import large_path
from ..fleet.adhoc import Fleet
from ..fleet.changes import change_everything
from ..fleet.lab import on, running
from .conftest import Cache, Key, reached_from

HOST = "vps-sg-1"
HOSTS = (HOST, "homelab")
ON_HOST = "PATH=$PATH:/opt/nix/bin"
HAS = f'{ON_HOST}; if nix-store --check-validity "$1" 2>/dev/null; then echo yes; else echo no; fi'


@pytest.fixture(scope="module")
def fetching(fleet: Fleet, cache: Cache, key: Key) -> Iterator[str]:
    """Return the cache's address, as the hosts reach it; the builder has what it takes to push there."""
    on("homelab", '(umask 077; echo "$1" >~/cache.key; echo "$2" >~/.netrc)', key.secret, cache.netrc.read_text())
    with contextlib.ExitStack() as tunnels:
        (address, *_others) = [tunnels.enter_context(reached_from(host, cache)) for host in HOSTS]
        yield address


@pytest.fixture(scope="module")
def variables(fetching: str) -> dict[str, t.Any]:
    """Return the variables of the playbook."""
    return {
        "deploy_cache_push": fetching,
        "deploy_cache_key_file": "~/cache.key",
        "deploy_nix_options": {"netrc-file": "/root/.netrc"},
    }


@pytest.mark.thorough
def test_a_host_whose_configuration_does_not_trust_the_key_is_told_so(
    fleet: Fleet, cache: Cache, variables: dict[str, t.Any]
) -> None:
    run = fleet.project.run("nix.fleet.cache", "-l", HOST, "-e", json.dumps(variables))
    assert run.hosts(failed=1) == {HOST}, run.output
    assert "without a signature that vps-sg-1 trusts" in run.output
    assert "nix.settings.extra-trusted-public-keys" in run.output
    assert any(name.startswith("nixos-system") for name in cache.signatures()), cache.signatures()


def test_a_host_that_trusts_it_finds_all_of_it_there(
    fleet: Fleet, cache: Cache, key: Key, variables: dict[str, t.Any], fetching: str
) -> None:
    # As its configuration would have it.
    on(
        HOST,
        'printf "extra-%s\\n" "substituters = $1" "trusted-public-keys = $2" >>/etc/nix/nix.conf',
        fetching,
        key.public,
    )
    run = fleet.project.run("nix.fleet.cache", "-l", HOST, "-e", json.dumps(variables))
    assert run.rc == 0, run.output
    assert '"GET /nar/' in (cache.root.parent / "requests").read_text()


def test_a_deployment_pushes_what_it_copies(
    fleet: Fleet, cache: Cache, key: Key, variables: dict[str, t.Any], fetching: str
) -> None:
    change_everything(fleet.project)
    before = len(cache.signatures())
    pushing = {**variables, "deploy_substitute_on_destination": True}
    run = fleet.project.run("deploy.yml", "-l", HOST, "-e", json.dumps(pushing))
    assert run.rc == 0, run.output
    system = running(HOST).system
    assert len(cache.signatures()) > before
    result = fleet.ask(HOST, "nix_substitute", paths=[system], store=fetching)
    assert (result["changed"], result["failed"]) == (False, False), result


@pytest.mark.thorough
def test_a_host_fetches_during_a_copy_what_its_own_caches_have(
    fleet: Fleet, cache: Cache, key: Key, fetching: str, tmp_path: Path
) -> None:
    assert fetching in on(HOST, f"{ON_HOST}; nix --extra-experimental-features nix-command config show substituters")
    path = large_path(tmp_path)
    store = f"file://{cache.root}?secret-key={key.file}"
    subprocess.run(["nix", "copy", "--extra-experimental-features", "nix-command", "--to", store, path], check=True)
    result = fleet.ask(HOST, "nix_copy_closure", paths=[path], substitute_on_destination=True)
    assert result["changed"], result
    assert path in result["substituted_paths"]
    assert on(HOST, HAS, path).strip() == "yes"
