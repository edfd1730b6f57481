# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts go their way while others are still evaluated, whatever becomes of those and of who evaluates them.

The evaluation of the host `late` asks a server of the test, which answers when the test says so.
"""

from __future__ import annotations

import contextlib
import http.server
import os
import signal
import subprocess
import sys
import threading
import typing as t
from pathlib import Path

import pytest

from .project import Project, running, wait_until

EACH = {
    "flake": "{{ nix_flake }}",
    "attr": "{{ nix_attr }}",
    "whole_play": True,
    "impure": True,
}


class Gate:
    """A server whose answer is held back until it is opened, but for as many as it is told to give at once."""

    def __init__(self) -> None:
        self.at_once = threading.Semaphore(0)
        self.asked = threading.Event()
        self.open = threading.Event()
        gate = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if not gate.at_once.acquire(blocking=False):
                    gate.asked.set()
                    gate.open.wait(60)
                self.send_response(200)
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(b"text")

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/text"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.open.set()
        self._server.shutdown()


@pytest.fixture
def gate() -> t.Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.close()


@pytest.fixture
def fleet(project: Project, gate: Gate) -> dict[str, dict[str, t.Any]]:
    project.write_flake(f"""{{
      early = mk "early" "";
      late = mk "late" (builtins.readFile (builtins.fetchurl "{gate.url}"));
    }}""")
    return {name: {"nix_flake": f"path:{project.flake}", "nix_attr": name} for name in ("early", "late")}


# Two evaluators for sixteen attributes; says which results there are as they come.
TOLD = """
import sys
from ansible_collections.nix.fleet.plugins.plugin_utils.evaluation.evaluator import Budget, evaluate
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.machine import Controller
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.source import Source
names = ["late", *(f"h{number}" for number in range(1, 16))]
evaluate(
    Source(flake=sys.argv[1], impure=True), names, Controller(), budget=Budget(2 << 30, cpus=2),
    on_result=lambda name, result: print(name, hasattr(result, "drv_path"), flush=True),
)
"""


def evaluators(project: Project) -> set[int]:
    """Return the processes that evaluate for the task: the parents of Nix's own."""
    parents = set()
    for number in running(f"path:{project.flake}#."):
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{number}/status").read_text()
            parents.add(int(status.partition("PPid:")[2].split()[0]))
    return parents


@pytest.mark.parametrize(("strategy", "forks"), [("free", "5"), ("host_pinned", "1")])
def test_the_first_host_is_through_its_next_task_before_the_last_is_evaluated(
    project: Project, gate: Gate, strategy: str, forks: str
) -> None:
    # Either may come first.
    project.write_flake(f"""{{
      one = mk "one" (builtins.readFile (builtins.fetchurl "{gate.url}/one"));
      other = mk "other" (builtins.readFile (builtins.fetchurl "{gate.url}/other"));
    }}""")
    fleet = {name: {"nix_flake": f"path:{project.flake}", "nix_attr": name} for name in ("one", "other")}
    gate.at_once.release()
    run = project.start("nix_eval", EACH, fleet, "--forks", forks, strategy=strategy)
    # Its report is the task after its evaluation.
    wait_until(lambda: len(project.results(fleet)) == 1, 60)
    assert gate.asked.wait(60)
    gate.open.set()
    assert run.wait(60) == 0, (project.directory / "output").read_text()
    results = project.results(fleet)
    assert results.keys() == fleet.keys()
    assert not any(result["failed"] for result in results.values())


def test_when_the_one_that_evaluates_is_killed_another_does(
    project: Project, gate: Gate, fleet: dict[str, dict[str, t.Any]]
) -> None:
    run = project.start("nix_eval", EACH, fleet)
    assert gate.asked.wait(60)
    for number in evaluators(project):
        os.kill(number, signal.SIGKILL)
    gate.open.set()
    assert run.wait(60) == 0, (project.directory / "output").read_text()
    assert not any(result["failed"] for result in project.results(fleet).values())


def test_a_host_that_hangs_holds_up_its_own_share_and_no_other(project: Project, gate: Gate) -> None:
    hosts = " ".join(f'h{number} = mk "h{number}" "";' for number in range(1, 16))
    project.write_flake(f"""{{
      late = mk "late" (builtins.readFile (builtins.fetchurl "{gate.url}"));
      {hosts}
    }}""")
    environment = {**project.environment(), "PYTHONPATH": ":".join(sys.path)}
    command = [sys.executable, "-c", TOLD, f"path:{project.flake}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as run:
        told = t.cast("t.IO[str]", run.stdout)
        before = {told.readline() for _line in range(8)}
        # By turns: the first of the sixteen hangs, and with it every second one.
        assert before == {f"h{number} True\n" for number in range(1, 16, 2)}
        assert not gate.open.is_set()
        gate.open.set()
        assert {*told} == {"late True\n", *(f"h{number} True\n" for number in range(2, 16, 2))}
    assert run.returncode == 0
