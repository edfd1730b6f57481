# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a store lacks is known, and a private daemon that serves it never outlives the copy it was started for."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import shutil
import signal
import sys
import time
from collections.abc import Iterator

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.copy.keepalive import Keepalive
from ansible_collections.nix.fleet.plugins.plugin_utils.copy.ssh import LocalLink
from ansible_collections.nix.fleet.plugins.plugin_utils.copy.store_socket import (
    Escalation,
    Login,
    StoreSocket,
    missing_of_many,
    missing_paths,
    open_store_socket,
    open_store_socket_if_missing,
)

from ...errors import fails_with
from .conftest import SHELLS
from .machine import STORE, Machine

# Listens, serves one client in a child with a session of its own as nix-daemon does, and writes down how it was called.
NIX_DAEMON = """
printf '%s\\n' "$NIX_REMOTE" "$@" >"$HOME/called"
exec python3 -c '
import os, signal, socket, sys, time
home = sys.argv[1]
listener = socket.socket(socket.AF_UNIX)
path = os.environ["NIX_DAEMON_SOCKET_PATH"]
listener.bind(path)
os.chmod(path, 0o666)
listener.listen()
open(home + "/daemon", "w").write(str(os.getpid()))
if os.fork() == 0:
    os.setsid()
    open(home + "/client", "w").write(str(os.getpid()))
    time.sleep(60)
time.sleep(60)
' "$HOME"
"""

ONE = "/nix/store/00000000000000000000000000000001-one"
TWO = "/nix/store/00000000000000000000000000000002-two"

# What the links to what is kept are called, and where root has them, whose machine this is.
ROOT = "a-unit-test-of-nix.fleet"
ROOTS = pathlib.Path("/var/lib/nix.fleet/gcroots/copied")

# Of the seconds there, which are short: more than a test takes on a machine that is busy.
LONG = 600

BY_SU = Escalation("su", lambda: Login("1234", "deploy"))


@pytest.fixture
def target(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    if os.geteuid() != 0:
        pytest.skip("only root may write every store")
    # The tests themselves may run by sudo.
    for variable in ("SUDO_USER", "DOAS_USER"):
        monkeypatch.delenv(variable, raising=False)
    machine = Machine(tmp_path)
    # Its seconds are short.
    machine.install({"nix-store": "exit 0", "nix-daemon": NIX_DAEMON, "sleep": "exec /bin/sleep 0.1"})
    yield machine
    shutil.rmtree(ROOTS / ROOT, ignore_errors=True)
    for name in ("daemon", "client"):
        if (machine.home / name).exists():
            assert ended(machine, name)


def process_of(target: Machine, name: str) -> int:
    for _try in range(50):
        file = target.home / name
        if file.exists() and file.read_text():
            return int(file.read_text())
        time.sleep(0.1)
    raise AssertionError(f"no {name}")


def ended(target: Machine, name: str, seconds: float = 8) -> bool:
    """Whether a process of the target ends in time; one that nobody waits for any more has ended."""
    pid = process_of(target, name)
    for _try in range(int(seconds * 10)):
        try:
            if " Z " in pathlib.Path(f"/proc/{pid}/stat").read_text():
                return True
        except OSError:
            return True
        time.sleep(0.1)
    return False


def nobody_asks() -> Login:
    raise AssertionError("the machine was asked who logs in")


def directory_of(opened: StoreSocket) -> pathlib.Path:
    """Return the directory of a private daemon's keepalives."""
    assert opened.keepalive is not None
    return pathlib.Path(opened.keepalive)


def gone(opened: StoreSocket) -> bool:
    for _try in range(50):
        if not directory_of(opened).parent.exists():
            return True
        time.sleep(0.1)
    return False


def close(opened: StoreSocket) -> None:
    (directory_of(opened) / "end").touch()
    assert gone(opened)


@pytest.fixture
def empty(target: Machine) -> Machine:
    """The same, in the store of which there is nothing."""
    target.install({"nix-store": 'shift 2; echo "$@"'})
    return target


def test_a_private_daemon_opens_the_store_itself_and_trusts_the_login_alone(target: Machine) -> None:
    opened = open_store_socket(target, private=True, escalation=BY_SU, timeout=LONG)
    assert (target.home / "called").read_text().splitlines() == [
        "local", "--option", "store", "local", "--option", "trusted-users", "deploy", "--option", "allowed-users", "deploy",
    ]  # fmt: skip
    close(opened)


def test_sudo_and_doas_say_who_logs_in(target: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    target.install({"id": 'case $* in "-u deploy") echo 1234 ;; *) exec /usr/bin/id "$@" ;; esac'})
    for method, variable in (("sudo", "SUDO_USER"), ("run0", "SUDO_USER"), ("doas", "DOAS_USER")):
        with monkeypatch.context() as environment:
            environment.setenv(variable, "deploy")
            opened = open_store_socket(target, private=True, escalation=Escalation(method, nobody_asks), timeout=LONG)
        assert "trusted-users\ndeploy\n" in (target.home / "called").read_text()
        assert directory_of(opened).stat().st_uid == 1234
        close(opened)
        assert ended(target, "client")


@pytest.mark.parametrize("name", ["", "*", "@wheel", "-u", "root deploy", "no-such-user"])
def test_who_logs_in_is_asked_where_sudo_names_no_user(
    name: str, target: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_USER", name)
    opened = open_store_socket(target, private=True, escalation=dataclasses.replace(BY_SU, method="sudo"), timeout=LONG)
    assert "trusted-users\ndeploy\n" in (target.home / "called").read_text()
    close(opened)


def test_what_su_leaves_of_an_outer_sudo_is_not_believed(empty: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "daemon")
    opened = open_store_socket_if_missing(empty, [ONE], gc_root=ROOT, escalation=BY_SU, timeout=LONG)
    assert opened
    assert "trusted-users\ndeploy\n" in (empty.home / "called").read_text()
    close(opened)


def test_a_machine_whose_sudo_does_not_tell_is_asked_again_and_then_opened(empty: Machine) -> None:
    by_sudo = dataclasses.replace(BY_SU, method="sudo")
    opened = open_store_socket_if_missing(empty, [ONE], gc_root=ROOT, escalation=by_sudo, timeout=LONG)
    assert opened
    assert empty.trips == 2
    close(opened)


def is_complete(opened: StoreSocket) -> bool:
    """Ask what is asked when all has been sent."""
    with Keepalive(LocalLink("vps-1"), opened.keepalive, timeout=60) as keepalive:
        keepalive.ask()
    return keepalive.is_complete()


def test_what_has_arrived_is_told_in_the_session_that_is_open_and_ends_the_private_daemon(empty: Machine) -> None:
    opened = open_store_socket_if_missing(empty, [ONE], gc_root=ROOT, escalation=None, timeout=LONG)
    assert opened
    link = ROOTS / ROOT / "1"
    empty.install({"nix-store": f'[ "$*" = "--realise {ONE} --add-root {link} --option substitute false" ]'})
    assert is_complete(opened)
    assert (empty.trips, gone(opened)) == (1, True)


@pytest.mark.parametrize("store", ["exit 1", "echo 'error: database is locked' >&2; exit 1"])
def test_what_has_not_arrived_or_cannot_be_told_is_not_told_kept(store: str, empty: Machine) -> None:
    opened = open_store_socket_if_missing(empty, [ONE], gc_root=ROOT, escalation=None, timeout=LONG)
    assert opened
    empty.install({"nix-store": store})
    assert not is_complete(opened)
    assert gone(opened)


def test_nobody_waits_for_an_answer_where_the_directory_of_the_private_daemon_is_gone(empty: Machine) -> None:
    opened = open_store_socket_if_missing(empty, [ONE], gc_root=ROOT, escalation=None, timeout=2)
    assert opened
    shutil.rmtree(directory_of(opened).parent)
    start = time.monotonic()
    assert not is_complete(opened)
    assert time.monotonic() - start < 5
    assert ended(empty, "daemon")


def test_the_question_is_the_logins_to_ask_and_nobody_elses(empty: Machine) -> None:
    opened = open_store_socket_if_missing(empty, [ONE], gc_root=ROOT, escalation=BY_SU, timeout=LONG)
    assert opened
    question = (directory_of(opened).parent / "question").stat()
    assert (question.st_uid, oct(question.st_mode & 0o777)) == (1234, "0o600")
    close(opened)


def test_no_socket_is_opened_where_nothing_is_missing(target: Machine) -> None:
    by_sudo = Escalation("sudo", nobody_asks)
    here = [str(target.home)]
    assert open_store_socket_if_missing(target, here, gc_root=ROOT, escalation=by_sudo, timeout=LONG) is None
    assert not (target.home / "called").exists()
    assert target.trips == 1


def test_a_store_that_cannot_be_asked_is_not_opened(target: Machine) -> None:
    target.install({"nix-store": "echo 'error: database is locked' >&2; exit 1"})
    with fails_with("copy.silent_store") as failure:
        open_store_socket_if_missing(target, [str(target.home)], gc_root=ROOT, escalation=None, timeout=LONG)
    assert "database is locked" in failure.value.log
    assert not (target.home / "called").exists()


def test_the_login_may_write_nothing_but_keepalives(target: Machine) -> None:
    opened = open_store_socket(target, private=True, escalation=BY_SU, timeout=LONG)
    directory = directory_of(opened).parent
    for path, owner, mode in [
        (directory, 0, "0o711"),
        (directory_of(opened), 1234, "0o700"),
        (directory / "log", 0, "0o600"),
    ]:
        assert (path.stat().st_uid, oct(path.stat().st_mode & 0o777)) == (owner, mode)
    close(opened)


def test_nobody_but_the_login_may_connect(target: Machine) -> None:
    by_another = open_store_socket(target, private=True, escalation=BY_SU, timeout=LONG)
    socket = pathlib.Path(by_another.path).stat()
    assert (socket.st_uid, oct(socket.st_mode & 0o777)) == (1234, "0o600")
    close(by_another)
    by_root = open_store_socket(target, private=True, escalation=None, timeout=LONG)
    directory = directory_of(by_root).parent.stat()
    assert (directory.st_uid, oct(directory.st_mode & 0o777)) == (0, "0o700")
    close(by_root)


def test_a_link_among_the_keepalives_leads_nowhere(target: Machine, tmp_path: pathlib.Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    opened = open_store_socket(target, private=True, escalation=BY_SU, timeout=LONG)
    for name in ("log", "ended", "socket", "private_daemon", "alive", "end"):
        (directory_of(opened) / name).symlink_to(victim)
    assert ended(target, "daemon")
    # What is not ours there stays, and the directory with it.
    for _try in range(50):
        if not (directory_of(opened).parent / "log").exists():
            break
        time.sleep(0.1)
    assert victim.read_text() == "precious"
    assert sorted(path.name for path in directory_of(opened).iterdir()) == ["ended", "log", "private_daemon", "socket"]
    assert directory_of(opened).stat().st_uid == 0
    shutil.rmtree(directory_of(opened).parent)


def test_a_private_daemon_ends_where_a_link_leads_to_its_directory(target: Machine) -> None:
    # As /run is one on a Mac. The system names open files by where they really are.
    target.install(
        {"mktemp": 'mkdir -p "$HOME/real"; ln -s real "$HOME/run"; exec /bin/mktemp -d "$HOME/run/${2##*/}"'}
    )
    opened = open_store_socket(target, private=True, escalation=None, timeout=LONG)
    process_of(target, "client")
    close(opened)
    assert ended(target, "daemon")
    assert ended(target, "client")


def test_a_daemon_that_is_too_slow_does_not_stay(target: Machine) -> None:
    daemon = 'echo "$$" >"$HOME/daemon"; echo not yet >&2; exec /bin/sleep 60'
    target.install({"nix-daemon": daemon, "sleep": "exec /bin/sleep 0.01"})
    with fails_with("copy.no_daemon") as failure:
        open_store_socket(target, private=True, escalation=None, timeout=LONG)
    assert "not yet" in failure.value.log
    assert ended(target, "daemon")


@pytest.fixture(params=SHELLS)
def each_shell(request: pytest.FixtureRequest, target: Machine) -> Machine:
    """The same, with each kind of sh that can be had."""
    target.install({"sh": f'exec {request.param} "$@"'})
    return target


def supervisors(opened: StoreSocket) -> list[int]:
    """Return the two shells that run a private daemon, the parent first."""
    for _try in range(50):
        found = shells_of(opened)
        # What one of them starts is as well for a moment, until it is a program of its own.
        if len(found) == 2:
            return sorted(found, key=lambda pid: found[pid] in found)
    raise AssertionError(f"shells: {found}")


def shells_of(opened: StoreSocket) -> dict[int, int]:
    """Return the parent of each process that runs a private daemon's program."""
    found = {}
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"{directory_of(opened).parent}/private_daemon" in (process / "cmdline").read_text().split("\0"):
                found[int(process.name)] = int((process / "stat").read_text().rpartition(")")[2].split()[1])
    return found


@pytest.mark.parametrize(
    ("victim", "number"),
    [("parent", signal.SIGKILL), ("parent", signal.SIGTERM), ("child", signal.SIGKILL), ("daemon", signal.SIGKILL)],
)
def test_a_private_daemon_ends_with_its_clients_when_a_part_of_it_is_killed(
    victim: str, number: signal.Signals, each_shell: Machine
) -> None:
    opened = open_store_socket(each_shell, private=True, escalation=None, timeout=LONG)
    process_of(each_shell, "client")
    parent, child = supervisors(opened)
    os.kill({"parent": parent, "child": child, "daemon": process_of(each_shell, "daemon")}[victim], number)
    assert ended(each_shell, "daemon")
    assert ended(each_shell, "client")
    assert gone(opened)


def test_a_private_daemon_ends_when_there_is_no_keepalive(target: Machine) -> None:
    # Twice the silence: its client might still be reading.
    opened = open_store_socket(target, private=True, escalation=None, timeout=1)
    process_of(target, "client")
    assert ended(target, "daemon")
    assert ended(target, "client")
    assert gone(opened)


def test_a_private_daemon_stays_while_there_are_keepalives(target: Machine) -> None:
    opened = open_store_socket(target, private=True, escalation=None, timeout=5)
    for _try in range(30):
        (directory_of(opened) / "alive").touch()
        time.sleep(0.05)
    assert pathlib.Path(opened.path).exists()
    close(opened)


def test_a_private_daemon_does_without_setsid(target: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sh", "cat", "id", "mktemp", "mkdir", "chmod", "rm", "rmdir", "chown", "ls", "sed"):
        found = shutil.which(name)
        assert found
        (target.programs / name).symlink_to(found)
    (target.programs / "python3").symlink_to(sys.executable)
    script_path = f"PATH={target.programs}\n"
    run = target.run
    monkeypatch.setattr(target, "run", lambda script, *arguments: run(script_path + script, *arguments))
    opened = open_store_socket(target, private=True, escalation=None, timeout=LONG)
    close(opened)


def test_a_daemon_that_does_not_start_is_reported_in_its_own_words(machine: Machine) -> None:
    machine.install({"nix-store": "exit 0", "nix-daemon": "echo 'error: no such setting' >&2; exit 1"})
    with fails_with("copy.no_daemon") as failure:
        open_store_socket(machine, private=True, escalation=None, timeout=LONG)
    assert "no such setting" in failure.value.log


def test_a_machine_without_nix_is_told_apart(machine: Machine) -> None:
    with fails_with("copy.no_nix"):
        open_store_socket(machine, private=True, escalation=None, timeout=LONG)


def test_the_login_is_who_the_connection_logs_in_as(machine: Machine) -> None:
    machine.install({"id": "case $1 in -u) echo 1000 ;; -un) echo deploy ;; esac"})
    assert Login.of(machine) == Login("1000", "deploy")


def test_a_login_without_a_name_goes_by_its_number(machine: Machine) -> None:
    machine.install({"id": "case $1 in -u) echo 10123 ;; -un) exit 1 ;; esac"})
    assert Login.of(machine) == Login("10123", "10123")


@pytest.fixture
def store(machine: Machine) -> Machine:
    machine.install({"nix-store": STORE, "id": "echo 1000"})
    (machine.home / "valid").write_text("")
    return machine


def has(store: Machine, *paths: str) -> None:
    (store.home / "valid").write_text("".join(f"{path}\n" for path in paths))


def gc_roots_of(store: Machine, name: str) -> dict[str, str]:
    directory = store.home / ".local/state/nix.fleet/gcroots" / "copied" / name
    return {link.name: str(pathlib.Path(link).readlink()) for link in directory.iterdir()}


def test_what_is_missing_is_named_in_one_round_trip(store: Machine) -> None:
    has(store, ONE)
    assert missing_paths(store, [ONE, TWO], gc_root="vps-1") == [TWO]
    assert store.trips == 1


def test_a_target_that_has_everything_keeps_it_in_the_same_round_trip(store: Machine) -> None:
    has(store, ONE, TWO)
    assert missing_paths(store, [ONE, TWO], gc_root="vps-1") == []
    assert gc_roots_of(store, "vps-1") == {"1": ONE, "1-2": TWO}
    assert store.trips == 1


def test_a_derivation_that_is_there_is_not_built_to_keep_it(store: Machine) -> None:
    derivation = "/nix/store/00000000000000000000000000000003-three.drv"
    has(store, ONE, derivation)
    assert missing_paths(store, [derivation, ONE], gc_root="vps-1") == []
    assert gc_roots_of(store, "vps-1") == {"1": ONE}


def test_what_was_kept_before_is_let_go(store: Machine) -> None:
    has(store, ONE, TWO)
    missing_paths(store, [ONE, TWO], gc_root="vps-1")
    missing_paths(store, [TWO], gc_root="vps-1")
    assert gc_roots_of(store, "vps-1") == {"1": TWO}


def test_what_was_built_for_the_host_on_this_machine_is_left_alone(store: Machine) -> None:
    gcroots = store.home / ".local/state/nix.fleet/gcroots"
    for name in ("vps-1", "built/vps-1", "copied/vps-1"):
        (gcroots / name).parent.mkdir(parents=True, exist_ok=True)
        (gcroots / name).symlink_to(TWO)
    has(store, ONE)
    assert missing_paths(store, [ONE], gc_root="vps-1") == []
    assert gc_roots_of(store, "vps-1") == {"1": ONE}
    assert str((gcroots / "built" / "vps-1").readlink()) == TWO


def test_a_link_where_a_directory_is_to_be_gives_way(store: Machine) -> None:
    gcroots = store.home / ".local/state/nix.fleet/gcroots"
    gcroots.mkdir(parents=True)
    (gcroots / "copied").symlink_to(TWO)
    has(store, ONE)
    assert missing_paths(store, [ONE], gc_root="vps-1") == []
    assert gc_roots_of(store, "vps-1") == {"1": ONE}


def test_nothing_is_kept_while_something_is_missing(store: Machine) -> None:
    has(store, ONE)
    missing_paths(store, [ONE, TWO], gc_root="vps-1")
    assert not (store.home / ".local").exists()


def test_without_a_name_nothing_is_written(store: Machine) -> None:
    has(store, ONE)
    assert missing_paths(store, [ONE]) == []
    assert not (store.home / ".local").exists()


def test_a_machine_without_nix_is_told_from_a_store_that_fails(machine: Machine) -> None:
    with fails_with("copy.no_nix"):
        missing_paths(machine, [ONE])
    machine.install({"nix-store": "echo 'error: database is locked' >&2; exit 1"})
    with fails_with("copy.silent_store") as failure:
        missing_paths(machine, [ONE])
    assert "database is locked" in failure.value.log


def test_a_full_disk_is_called_by_its_name(machine: Machine) -> None:
    machine.install({"nix-store": "echo 'error: writing to file: No space left on device' >&2; exit 1"})
    with fails_with("copy.disk_full"):
        missing_paths(machine, [ONE])


def test_more_paths_than_fit_on_a_command_line_can_be_asked_about(store: Machine) -> None:
    paths = [f"/nix/store/{number:032}-part-of-a-system-with-a-long-name" for number in range(3000)]
    has(store, paths[0])
    assert missing_of_many(store, paths[:50]) == paths[1:50]
    store.install({"nix-store": 'shift 2; for path in "$@"; do echo "$path"; done'})
    assert missing_of_many(store, paths) == paths
