# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store whose database somebody else has in hand for a moment is asked again, by the real Nix with a real lock."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.build.build import Build
from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import NixError
from ansible_collections.nix.fleet.plugins.plugin_utils.core.process import Completed, run
from ansible_collections.nix.fleet.plugins.plugin_utils.evaluation.evaluator import evaluate
from ansible_collections.nix.fleet.plugins.plugin_utils.evaluation.request import Evaluated, Failed
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory import evaluation as inventory
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.nodes import SOURCE as NODES
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.place import NixFile
from ansible_collections.nix.fleet.plugins.plugin_utils.nix import machine as nix_machine
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.command import nix as command
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.machine import Controller, Remote
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.source import Source

from .conftest import Nix

DERIVATION = 'derivation { name = "x"; system = "x"; builder = "/x"; }'
EVALUATION = command("eval", "--expr", 'builtins.toFile "a" "x"')
# Which each store here has.
MADE = "/nix/store/12wigjpizrn8axaqxj288q1b751qmwya-a"
WORDS = "SQLite database '{database}' is busy"


@pytest.fixture
def store(nix: Nix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of our own, for every Nix that is run here; return its database."""
    monkeypatch.setenv("NIX_REMOTE", str(tmp_path / "root"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(Path(nix.program).parent), prepend=os.pathsep)
    assert run(EVALUATION).ok
    return tmp_path / "root/nix/var/nix/db/db.sqlite"


@contextlib.contextmanager
def somebody_sets_up(database: Path, seconds: float = 60) -> Iterator[None]:
    """Hold the lock that the first of several processes has which find a store new, at most for some seconds."""
    connection = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
    # As it is before the first process has changed it.
    connection.execute("pragma journal_mode = delete").fetchall()
    connection.execute("begin immediate")
    over = threading.Event()

    def let_go() -> None:
        over.wait(seconds)
        connection.close()

    thread = threading.Thread(target=let_go)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Nix asked three times, at once."""
    monkeypatch.setattr(nix_machine, "PAUSES", (0.01, 0.01))


class LocalShell:
    """A machine that is this one."""

    host = "homelab"

    def run(self, script: str, *arguments: str) -> Completed:
        return run(["sh", "-c", script, "sh", *arguments])


def read_inventory(directory: Path) -> t.Any:
    nodes = directory / "nodes.nix"
    nodes.write_text('{ web.ips = [ (builtins.readFile (builtins.toFile "address" "192.0.2.1")) ]; }')
    return inventory.evaluate([NODES], NixFile(nodes), inventory.Settings()).data["web"]["ips"] == ["192.0.2.1"]


def evaluate_hosts(_directory: Path) -> t.Any:
    source = Source(expression=f"{{ a = {DERIVATION}; b = {DERIVATION}; }}")
    result = evaluate(source, ["a", "b"], Controller())["a"]
    return result if isinstance(result, Failed) else isinstance(result, Evaluated)


def build_here(_directory: Path, machine: Controller | Remote | None = None) -> t.Any:
    return Build([MADE]).on(machine or Controller()).outputs[0].out_path == MADE


def build_elsewhere(directory: Path) -> t.Any:
    return build_here(directory, Remote(LocalShell()))


WORK = [read_inventory, evaluate_hosts, build_here, build_elsewhere]


@pytest.mark.parametrize("work", WORK)
def test_work_goes_on_when_the_database_is_free(store: Path, tmp_path: Path, work: t.Callable[[Path], t.Any]) -> None:
    with somebody_sets_up(store, 1.0):
        assert work(tmp_path) is True


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("work", WORK)
def test_work_that_never_gets_at_the_database_says_so_and_blames_no_data(
    store: Path, tmp_path: Path, work: t.Callable[[Path], t.Any]
) -> None:
    with somebody_sets_up(store):
        try:
            error = work(tmp_path)
        except NixError as raised:
            error = raised
    assert WORDS.format(database=store) in error.cause
    assert error.advice == nix_machine.BUSY_ADVICE


class CountingMachine:
    """A command that fails with what it says on standard error, whenever it is run."""

    def __init__(self, errors: str) -> None:
        self.runs = 0
        self._completed = Completed(("nix",), 1, "", errors)

    def run(self) -> Completed:
        self.runs += 1
        return self._completed


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "errors",
    [
        "error: the configuration is broken; see /db",
        "warning: SQLite database '/nix/var/nix/db/db.sqlite' is busy\nerror: the configuration is broken",
        "error: builder for '/nix/store/x.drv' failed;\n  last 1 log lines:\n"
        "  > error: SQLite database '/build/nix/var/nix/db/db.sqlite' is busy",
    ],
)
def test_what_fails_for_another_reason_is_not_tried_again(errors: str) -> None:
    machine = CountingMachine(errors)
    nix_machine.when_free(machine.run)
    assert machine.runs == 1


@pytest.mark.usefixtures("impatient")
def test_a_store_whose_schema_is_about_to_be_written_is_asked_again() -> None:
    machine = CountingMachine('error: "/nix/var/nix/db/schema" is corrupt')
    nix_machine.when_free(machine.run)
    assert machine.runs == 3
