# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Hydra has built, deployed from a cache: examples/hydra/deploy.yml with a server that answers as Hydra's API does."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.tests.unit.plugin_utils.channel.hydra_server import Hydra

from ..fleet.adhoc import Fleet
from ..fleet.changes import change_everything
from ..fleet.lab import ROOT, on, running
from .conftest import Cache, Key, reached_from

pytestmark = pytest.mark.thorough

HOST = "vps-sg-1"


@pytest.fixture(scope="module")
def address(fleet: Fleet, cache: Cache, key: Key) -> Iterator[str]:
    """Return the cache's address as the host reaches it, whose configuration trusts the cache's key."""
    on(HOST, 'printf "extra-trusted-public-keys = %s\\n" "$1" >>/etc/nix/nix.conf', key.public)
    with contextlib.ExitStack() as tunnels:
        yield tunnels.enter_context(reached_from(HOST, cache))


def built(fleet: Fleet, report: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a new system of the host's that is built, and deployed nowhere."""
    change_everything(fleet.project)
    monkeypatch.setenv("NIX_FLEET_REPORT", str(report))
    run = fleet.project.run("nix.fleet.build", "-l", HOST, "-e", "deploy_build_on=controller")
    monkeypatch.delenv("NIX_FLEET_REPORT")
    assert run.rc == 0, run.output
    (host,) = json.loads(report.read_text())["hosts"]
    return str(host["closure"])


def test_what_hydra_has_built_is_fetched_and_activated(
    fleet: Fleet,
    cache: Cache,
    key: Key,
    address: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copy2(ROOT / "examples/hydra/deploy.yml", fleet.project.root / "hydra.yml")
    closure = built(fleet, tmp_path / "report.json", monkeypatch)
    push = {"nix_options": {"netrc-file": str(cache.netrc)}, "secret_key_file": str(key.file)}
    pushed = fleet.ask("localhost", "nix_cache_push", paths=[closure], store=cache.uri, **push)
    assert not pushed["failed"], pushed
    hydra = Hydra()
    with hydra.serving() as url:
        arguments = ["-l", HOST, "-e", json.dumps({"hydra_url": url, "hydra_cache": address, "hydra_job": HOST})]
        nothing = fleet.project.run("hydra.yml", *arguments)
        assert nothing.hosts(failed=1, changed=0) == {HOST}, nothing.output
        assert "404" in nothing.output
        hydra.built(HOST, 7, closure)
        run = fleet.project.run("hydra.yml", *arguments)
        assert run.rc == 0, run.output
        assert (running(HOST).system, running(HOST).default) == (closure, closure)
        again = fleet.project.run("hydra.yml", *arguments)
        assert again.hosts(failed=0, changed=0) == {HOST}, again.output
    assert all(line.endswith(" application/json") for line in hydra.asked)
