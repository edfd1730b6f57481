# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""nix_copy_closure: what a target lacks is sent, once. Whether it lacks anything is a question to its disk: see tests/integration/copy."""

from __future__ import annotations

import contextlib
import pathlib
import socket
import threading
import typing as t
from collections.abc import Iterator

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.plugins.loader import connection_loader
from ansible.template import Templar

from ansible_collections.nix.fleet.plugins.action.nix_copy_closure import ActionModule
from ansible_collections.nix.fleet.plugins.plugin_utils.copy.source import ControllerSource
from ansible_collections.nix.fleet.plugins.plugin_utils.copy.ssh import LinkLostError
from ansible_collections.nix.fleet.plugins.plugin_utils.core.process import Completed

from ...plugin_utils.copy.machine import STORE

ONE = "/nix/store/00000000000000000000000000000001-one"
TWO = "/nix/store/00000000000000000000000000000002-two"

# Tells sizes, and copies by naming what it sends, with its size, and making it valid.
NIX = f"""
echo "$@" >>"$FLEET/calls"
case "$*" in
  *path-info*) echo "{ONE} 100"; echo "{TWO} 28" ;;
  *copy*)
    for sent in "{ONE} 100" "{TWO} 28"; do
      path=${{sent% *}} size=${{sent#* }}
      grep -qxF "$path" "$FLEET/valid" && continue
      echo '@nix {{"action":"start","id":1,"type":100,"fields":["'"$path"'","local","unix"]}}' >&2
      echo '@nix {{"action":"result","fields":['"$size,$size"',0,0],"id":1,"type":105}}' >&2
      echo "$path" >>"$FLEET/valid"
    done ;;
esac
"""


# For whoever may write a store here, who is then served by a daemon of his own. It answers, and that is all.
NIX_DAEMON = """
: >"$FLEET/served"
exec python3 -c 'import os, socket
path = os.environ["NIX_DAEMON_SOCKET_PATH"]
listener = socket.socket(socket.AF_UNIX)
listener.settimeout(60)
# Whoever finds it is answered.
listener.bind(path + ".new")
os.chmod(path + ".new", 0o666)
listener.listen()
os.rename(path + ".new", path)
clients = []
while True:
    clients.append(listener.accept()[0])
    clients[-1].sendall(b"oixd\\0\\0\\0\\0")'
"""


class Target:
    """This machine in the part of a target and of the controller, with programs in place of Nix's."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.directory = directory
        self.install("nix-store", STORE)
        self.install("nix", NIX)
        self.install("nix-daemon", NIX_DAEMON)
        self.has()

    def install(self, name: str, text: str) -> None:
        (self.directory / name).write_text(f"#!/bin/sh\n{text}")
        (self.directory / name).chmod(0o755)

    def has(self, *paths: str) -> None:
        (self.directory / "valid").write_text("".join(f"{path}\n" for path in paths))

    def lacks(self, path: str) -> bool:
        return path not in (self.directory / "valid").read_text().splitlines()

    @property
    def state(self) -> pathlib.Path:
        return self.directory / ".local" / "state" / "nix.fleet"

    @property
    def calls(self) -> list[str]:
        calls = self.directory / "calls"
        return calls.read_text().splitlines() if calls.exists() else []

    def action(self, *, check: bool = False, diff: bool = False, **options: t.Any) -> ActionModule:
        task = Task()
        task.action, task.args = "nix.fleet.nix_copy_closure", options
        task.check_mode, task.diff = check, diff
        connection = connection_loader.get("local", PlayContext(), new_stdin=None)
        connection.set_options()
        connection._shell.set_options()
        loader = DataLoader()
        return ActionModule(
            task=task,
            connection=connection,
            play_context=PlayContext(),
            loader=loader,
            templar=Templar(loader=loader),
            shared_loader_obj=None,
        )

    def run(self, **options: t.Any) -> dict[str, t.Any]:
        action = self.action(**options)
        result: dict[str, t.Any] = action.run(task_vars={"inventory_hostname": "vps-1", "hostvars": {"vps-1": {}}})
        return result

    def failure(self, **options: t.Any) -> dict[str, t.Any]:
        result = self.run(**options)
        assert result["failed"]
        assert result["changed"] is False
        return result


def answer(listener: socket.socket) -> None:
    """Be the system's daemon, which answers as its private twin does, until nobody listens any more."""
    clients = []
    with contextlib.suppress(OSError):
        while True:
            clients.append(listener.accept()[0])
            clients[-1].sendall(b"oixd\0\0\0\0")


@pytest.fixture
def system_daemon(tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    """The daemon that serves a machine on which the store is not the user's to write."""
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        threading.Thread(target=answer, args=(listener,), daemon=True).start()
        yield path
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def target(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, system_daemon: pathlib.Path) -> Target:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("FLEET", str(tmp_path))
    # A user who keeps links at home.
    monkeypatch.setenv("NIX_DAEMON_SOCKET_PATH", str(system_daemon))
    monkeypatch.setenv("HOME", str(tmp_path))
    made = Target(tmp_path)
    made.install("id", "case $1 in -u) echo 1000 ;; -un) echo pat ;; esac")
    return made


def test_what_is_missing_is_copied_and_counted(target: Target) -> None:
    target.has(ONE)
    result = target.run(paths=[TWO])
    assert (result["changed"], result["copied_paths"], result["copied_bytes"]) == (True, [TWO], 28)
    assert result["msg"] == "1 path, 28 B copied"


def test_check_mode_says_what_would_be_copied_and_writes_nothing(target: Target) -> None:
    result = target.run(check=True, paths=[TWO])
    assert (result["changed"], result["copied_paths"], result["copied_bytes"]) == (True, [ONE, TWO], 128)
    assert not any(" copy " in call for call in target.calls)
    assert not target.state.exists()


@pytest.mark.parametrize("path", ["/etc/passwd", "./result", "$(touch x)", f"{ONE}/bin/sh", ""])
def test_only_store_paths_are_taken(target: Target, path: str) -> None:
    assert "not a store path" in target.failure(paths=[path])["cause"]


def test_a_source_that_is_not_in_the_inventory_is_named(target: Target) -> None:
    failure = target.failure(paths=[TWO], source_host="homelab")
    assert failure["code"] == "copy.unknown_host"
    assert "homelab is not in the inventory" in failure["advice"]


def test_a_machine_cannot_be_its_own_source(target: Target) -> None:
    assert target.failure(paths=[TWO], source_host="vps-1")["code"] == "copy.not_there"


class LostAtFirst(ControllerSource):
    """A source to which the connection is lost the first times that it is asked something."""

    def __init__(self, losses: int) -> None:
        super().__init__({})
        self.losses = losses

    def run(self, argv: t.Sequence[str], on_line: t.Callable[[str], None], **rest: t.Any) -> Completed:
        if self.losses:
            self.losses -= 1
            raise LinkLostError("homelab: the ssh session has ended")
        return super().run(argv, on_line, **rest)


def come_from(source: ControllerSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ActionModule, "_source", lambda _action, _options: contextlib.nullcontext(source))


def test_a_source_that_is_lost_while_it_lists_is_asked_again(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    come_from(LostAtFirst(2), monkeypatch)
    assert target.run(paths=[TWO], delay=0)["copied_paths"] == [ONE, TWO]


class LostAtLast(ControllerSource):
    """A source that sends all that it is asked for, and to which the connection is lost once before it says so."""

    lost = False

    def run(self, argv: t.Sequence[str], on_line: t.Callable[[str], None], **rest: t.Any) -> Completed:
        answer = super().run(argv, on_line, **rest)
        if self.lost:
            return answer
        self.lost = True
        raise LinkLostError("homelab: the ssh session has ended")


def test_what_a_source_sent_before_it_was_lost_counts_as_copied(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    come_from(LostAtLast({}), monkeypatch)
    result = target.run(paths=[TWO], delay=0)
    assert result["changed"]
    assert result["copied_paths"] == [ONE, TWO]


class BrokenOff(ControllerSource):
    """A source whose first copy breaks off in the midst of a path, which somebody else brings meanwhile."""

    def __init__(self, target: Target) -> None:
        super().__init__({})
        self.target = target

    def run(self, argv: t.Sequence[str], on_line: t.Callable[[str], None], **rest: t.Any) -> Completed:
        if "copy" in argv and self.target.lacks(ONE):
            on_line(f'@nix {{"action":"start","id":1,"type":100,"fields":["{ONE}","local","unix"]}}')
            on_line('@nix {"action":"result","fields":[10,100,0,0],"id":1,"type":105}')
            self.target.has(ONE)
            raise LinkLostError("vps-1: the ssh session has ended")
        return super().run(argv, on_line, **rest)


def test_what_somebody_else_brings_while_it_was_on_its_way_does_not_count_as_copied(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    come_from(BrokenOff(target), monkeypatch)
    result = target.run(paths=[TWO], delay=0)
    assert (result["copied_paths"], result["copied_bytes"]) == ([TWO], 28)


@pytest.mark.parametrize("check", [False, True])
def test_a_source_that_stays_lost_is_a_failure_of_the_copy(
    target: Target, monkeypatch: pytest.MonkeyPatch, check: bool
) -> None:
    come_from(LostAtFirst(9), monkeypatch)
    result = target.failure(paths=[TWO], delay=0, check=check)
    assert result["code"] == "copy.connection_lost"


def test_a_copy_that_nix_believes_in_is_verified_all_the_same(target: Target) -> None:
    target.install("nix", f'case "$*" in *path-info*) echo {TWO} 28 ;; esac\n')
    assert target.failure(paths=[TWO])["code"] == "copy.incomplete"


def test_a_copy_without_progress_is_given_up_and_not_tried_again(target: Target) -> None:
    tries = target.directory / "tries"
    target.install("nix", f'case "$*" in *path-info*) echo {TWO} 28 ;; *) echo x >>{tries}; exec sleep 60 ;; esac\n')
    assert target.failure(paths=[TWO], progress_timeout=1, delay=0)["code"] == "copy.no_progress"
    assert tries.read_text() == "x\n"
