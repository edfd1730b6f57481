# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Hydra has built, deployed from a cache: examples/hydra/deploy.yml with a server that answers as Hydra's API does.

What it answers is in `hydra-api.yaml` of https://github.com/NixOS/hydra: the build, by way of a redirection to it.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import shutil
import threading
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..fleet.adhoc import Fleet
from ..fleet.changes import change_everything
from ..fleet.lab import ROOT, on, running
from .conftest import Cache, Key, reached_from

pytestmark = pytest.mark.thorough

HOST = "vps-sg-1"
JOB = f"/job/fleet/main/{HOST}/latest-finished"


class Hydra:
    """A server with one build."""

    def __init__(self) -> None:
        self.build: dict[str, t.Any] = {}
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def has_built(self, closure: str) -> None:
        outputs = {"out": {"path": closure}}
        self.build = {"id": 7, "finished": 1, "buildstatus": 0, "job": HOST, "buildoutputs": outputs}

    def __enter__(self) -> Hydra:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        hydra = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if not hydra.build or self.path not in (JOB, "/build/7"):
                    self.send_error(404)
                elif self.path == JOB:
                    self.send_response(302)
                    self.send_header("Location", f"{hydra.url}/build/7")
                    self.end_headers()
                # A browser gets a page.
                elif self.headers["Accept"] != "application/json":
                    self.send_error(406)
                else:
                    self.send_response(200)
                    self.send_header("Content-Type", "application/json")
                    self.end_headers()
                    self.wfile.write(json.dumps(hydra.build).encode())

            def log_message(self, *_words: object) -> None:
                pass

        return Handler


@pytest.fixture(scope="module")
def address(fleet: Fleet, cache: Cache, key: Key) -> Iterator[str]:
    """Return the cache's address as the host reaches it, whose configuration trusts the cache's key."""
    on(HOST, 'printf "extra-trusted-public-keys = %s\\n" "$1" >>/etc/nix/nix.conf', key.public)
    with contextlib.ExitStack() as tunnels:
        yield tunnels.enter_context(reached_from(HOST, cache))


@pytest.fixture
def hydra() -> Iterator[Hydra]:
    with Hydra() as hydra:
        yield hydra


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
    hydra: Hydra,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copy2(ROOT / "examples/hydra/deploy.yml", fleet.project.root / "hydra.yml")
    arguments = ["-l", HOST, "-e", json.dumps({"hydra_url": hydra.url, "hydra_cache": address, "hydra_job": HOST})]
    nothing = fleet.project.run("hydra.yml", *arguments)
    assert nothing.hosts(failed=1, changed=0) == {HOST}, nothing.output
    assert "404" in nothing.output
    closure = built(fleet, tmp_path / "report.json", monkeypatch)
    push = {"nix_options": {"netrc-file": str(cache.netrc)}, "secret_key_file": str(key.file)}
    pushed = fleet.ask("localhost", "nix_cache_push", paths=[closure], store=cache.uri, **push)
    assert not pushed["failed"], pushed
    hydra.has_built(closure)
    run = fleet.project.run("hydra.yml", *arguments)
    assert run.rc == 0, run.output
    assert (running(HOST).system, running(HOST).default) == (closure, closure)
    again = fleet.project.run("hydra.yml", *arguments)
    assert again.hosts(failed=0, changed=0) == {HOST}, again.output
