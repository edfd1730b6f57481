# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rehearsal fleet of its own, closures made for the occasion, and copies under way that can be hurt."""

from __future__ import annotations

import json
import os
import subprocess
import time
import typing as t
from collections.abc import Callable
from pathlib import Path

import pytest

from ..conftest import Lab

ROOT = Path(__file__).resolve().parents[3]
CLOSURE = Path(__file__).with_name("closure.nix")
ESCALATING = ("vps-de-1", "macbook")

Result = dict[str, t.Any]


class Copying:
    """A copy under way, to one host or many."""

    def __init__(self, command: list[str], results: Path, environment: dict[str, str]) -> None:
        self._results = results
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def results(self) -> dict[str, Result]:
        """Wait for the end, and return what came of it by host."""
        self.output, _errors = self.process.communicate(timeout=300)
        answers = {file.name: json.loads(file.read_text()) for file in self._results.iterdir()}
        assert answers, self.output
        return answers

    def result(self) -> Result:
        """Wait for the end on the only host."""
        (result,) = self.results().values()
        return result


class Fleet:
    """The hosts, and the controller that copies to them."""

    def __init__(self, lab: Lab, directory: Path) -> None:
        self.lab = lab
        self._directory = directory
        self._count = 0
        inventory = lab("inventory")
        for host in ESCALATING:
            inventory = inventory.replace(f"    {host}:\n", f"    {host}:\n      ansible_become: true\n")
        (directory / "hosts.yml").write_text(inventory)
        for secret in (lab.root / "inventory" / "host_vars").glob("*/lab.yml"):
            kept = directory / "host_vars" / secret.parent.name
            kept.mkdir(parents=True)
            (kept / "lab.yml").write_text(secret.read_text())

    def closure(self, paths: int, size: int = 1000, more: str = "") -> str:
        """Return a new closure of so many paths beside its own, of so many bytes each, in the controller's store.

        ``more`` is a path that it is to refer to as well.
        """
        self._count += 1
        arguments = ["--arg", "count", str(paths), "--arg", "size", str(size)]
        texts = ["--argstr", "seed", f"{self._directory}-{self._count}", "--argstr", "more", more]
        command = ["nix-build", "--no-out-link", str(CLOSURE), *arguments, *texts]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def start(
        self, hosts: str, path: str, *flags: str, environment: dict[str, str] | None = None, **options: t.Any
    ) -> Copying:
        """Begin to copy ``path`` to ``hosts``."""
        results = self._directory / f"results-{time.monotonic_ns()}"
        results.mkdir()
        command = [
            "ansible", hosts, "-i", str(self._directory / "hosts.yml"), "--tree", str(results),
            "-m", "nix.fleet.nix_copy_closure", "-a", json.dumps({"paths": [path], "delay": 1, **options}), *flags,
        ]  # fmt: skip
        settings = {
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_INVENTORY_ENABLED": "yaml",
            "LC_ALL": "C.UTF-8",
            **(environment or {}),
        }
        return Copying(command, results, settings)

    def copy(self, hosts: str, path: str, *flags: str, **options: t.Any) -> dict[str, Result]:
        """Copy ``path`` to ``hosts``."""
        return self.start(hosts, path, *flags, **options).results()

    def says(self, host: str, script: str) -> str:
        """Return what a script prints on a host, as root."""
        return self.lab("exec", host, "sh", "-c", script)

    def has(self, host: str, path: str) -> bool:
        """Whether the host's store has a path."""
        nix = "PATH=$PATH:/opt/nix/bin:/nix/var/nix/profiles/default/bin"
        return self.lab.try_to("exec", host, "sh", "-c", f"{nix}; nix-store --check-validity {path}").returncode == 0

    def left(self, host: str) -> str:
        """Return what is left of copies on a host."""
        return self.says(
            host,
            "for process in /proc/[0-9]*; do tr '\\0' ' ' <$process/cmdline; echo; done 2>/dev/null"
            " | grep -E '^sh [^ ]*/private_daemon |^nix-daemon --option|^nix-daemon [0-9]|^nix [^ ]* nix-command flakes copy' || :;"
            " ls -d /run/nix.fleet.* /tmp/nix.fleet.* 2>/dev/null || :",
        ).strip()


def large_path(directory: Path) -> str:
    """Return a new path of 100 MB in the controller's store, which compresses well."""
    file = directory / "large"
    file.write_text(f"{directory} is not like any other\n" * (100_000_000 // (len(str(directory)) + 26)))
    command = ["nix-store", "--add", str(file)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Whether something comes true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.3)
    return False


@pytest.fixture(scope="session")
def fleet(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """The whole named fleet."""
    return Fleet(lab, tmp_path_factory.mktemp("copy"))
