# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run all of whose processes are killed leaves no build and no evaluation behind, wherever it was."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from .lab import ROOT, new_fleet, on
from .project import Project

BUILDER = "homelab"
# In the environment of everything that a run starts on the controller.
MARK = "CANCELLED_RUN"
SECONDS_TO_END = 10.0
INPUTS = ("nixpkgs", "nix-darwin", "home-manager", "nix-on-droid")


@pytest.fixture(scope="module", autouse=True)
def fleet() -> None:
    """Have as many hosts as it takes."""
    new_fleet(BUILDER, "vps-sg-1", "vps-de-1")


def kill_all_but_nix(run: subprocess.Popen[str], mark: str) -> None:
    """Kill all that Ansible has started, and with it whoever could end something."""
    for pid in (run.pid, *(pid for pid, program in processes_of(mark).items() if program in ("python3", "ssh"))):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("place", ["controller", "builder"])
def test_a_cancelled_run_leaves_no_build_behind(project: Project, place: str) -> None:
    waiting = Waiting(project)
    waiting.in_build()
    waiting.cancelled(evaluate_on=place, build_on=BUILDER if place == "builder" else place)


def test_a_cancelled_run_leaves_no_evaluation_behind(project: Project) -> None:
    waiting = Waiting(project)
    waiting.in_evaluation()
    waiting.cancelled(evaluate_on="builder", build_on=BUILDER)


class Waiting:
    """A project of which something takes very long."""

    def __init__(self, project: Project) -> None:
        self._project = project
        # A number of seconds that nobody else sleeps.
        self._seconds = str(10_000_000 + secrets.randbelow(9_000_000))
        self._takes_long = f"(pkgs.runCommand \"waits-{self._seconds}\" {{ }} ''sleep {self._seconds}'')"

        # Paths of the controller are sent like the flake, where the builder evaluates.
        inputs = project.root.parent / f"{project.root.name}-inputs"
        shutil.copytree(ROOT / "tests/lab/standins", inputs)
        (project.root / "inventory/group_vars/all/place.yml").write_text(
            json.dumps({"deploy_override_inputs": {name: str(inputs / name) for name in INPUTS}})
        )

    def in_build(self) -> None:
        self._configure(f'environment.etc."waits".source = {self._takes_long};')

    def in_evaluation(self) -> None:
        self._configure(f'environment.etc."waits".text = builtins.readFile {self._takes_long};')

    def _configure(self, line: str) -> None:
        settings = "networking.firewall.allowedTCPPorts = [ 80 ];"
        self._project.edit("nix/roles/web.nix", settings, f"{settings}\n  {line}")

    def cancelled(self, *, evaluate_on: str, build_on: str) -> None:
        """Run, end the run while it waits, and see that nothing goes on."""
        mark = secrets.token_hex(8)
        given = ("-e", f"deploy_evaluate_on={evaluate_on}", "-e", f"deploy_build_on={build_on}")
        run = self._project.start("nix.fleet.build", "-l", "vps-sg-1", *given, **{MARK: mark})
        try:
            deadline = time.monotonic() + 60
            while not self._sleeps():
                assert run.poll() is None, run.communicate()[0]
                assert time.monotonic() < deadline, "nothing was built"
                time.sleep(0.1)
            kill_all_but_nix(run, mark)
            deadline = time.monotonic() + SECONDS_TO_END
            while self._left(mark) and time.monotonic() < deadline:
                time.sleep(0.1)
            assert self._left(mark) == []
        finally:
            run.kill()
            for pid in (*processes_of(mark), *self._sleeps()):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            run.wait()

    def _sleeps(self) -> list[int]:
        """Return the processes of the builder, wherever it is: hosts are on this machine."""
        listed = subprocess.run(["ps", "-A", "-ww", "-o", "pid=,args="], capture_output=True, text=True, check=True)
        lines = (line.split(None, 1) for line in listed.stdout.splitlines())
        return [int(pid) for pid, words in lines if words == f"sleep {self._seconds}"]

    def _left(self, mark: str) -> list[str]:
        here = [*processes_of(mark).values(), *(["builder"] if self._sleeps() else [])]
        return here or [*on(BUILDER, "pgrep -x nix || :").split(), *on("vps-de-1", "pgrep -x nix || :").split()]


def processes_of(mark: str) -> dict[int, str]:
    """Return the programs of a run's processes that live on the controller."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"{MARK}={mark}".encode() in (process / "environ").read_bytes():
                name, state = (process / "stat").read_text().partition("(")[2].rpartition(") ")[::2]
                if state[0] not in "ZX":
                    found[int(process.name)] = name
    return found
