# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a machine's store is reached, and that a private daemon never outlives the copy it was started for."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import shutil
import signal
import sys
import time
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.copy.door import Door, Escalation, Login, open_door
from ansible_collections.nix.fleet.plugins.plugin_utils.copy.local_link import LocalLink
from ansible_collections.nix.fleet.plugins.plugin_utils.copy.opening import open_door_if_lacking
from ansible_collections.nix.fleet.plugins.plugin_utils.copy.pulse import Pulse
from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import CopyError

from .conftest import SHELLS
from .machine import Machine

if t.TYPE_CHECKING:
    from collections.abc import Iterator

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

# What the links to what is kept are called, and where root has them, whose machine this is.
ROOT = "a-unit-test-of-nix.fleet"
ROOTS = pathlib.Path("/var/lib/nix.fleet/gcroots/copied")

BY_SU = Escalation("su", lambda: Login("1234", "deploy"))

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may write every store")


@pytest.fixture
def target(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
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


def signs(door: Door) -> pathlib.Path:
    assert door.signs is not None
    return pathlib.Path(door.signs)


def gone(door: Door) -> bool:
    for _try in range(50):
        if not signs(door).parent.exists():
            return True
        time.sleep(0.1)
    return False


def close(door: Door) -> None:
    (signs(door) / "end").touch()
    assert gone(door)


@pytest.fixture
def lacking(target: Machine) -> Machine:
    """The same, in the store of which there is nothing."""
    target.install({"nix-store": 'shift 2; echo "$@"'})
    return target


def test_a_private_daemon_opens_the_store_itself_and_trusts_the_login_alone(target: Machine) -> None:
    door = open_door(target, private=True, escalation=BY_SU, quiet=60)
    assert (target.home / "called").read_text().splitlines() == [
        "local", "--option", "store", "local", "--option", "trusted-users", "deploy", "--option", "allowed-users", "deploy",
    ]  # fmt: skip
    close(door)


def test_sudo_and_doas_say_who_logs_in(target: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    target.install({"id": 'case $* in "-u deploy") echo 1234 ;; *) exec /usr/bin/id "$@" ;; esac'})
    for method, variable in (("sudo", "SUDO_USER"), ("run0", "SUDO_USER"), ("doas", "DOAS_USER")):
        with monkeypatch.context() as environment:
            environment.setenv(variable, "deploy")
            door = open_door(target, private=True, escalation=Escalation(method, nobody_asks), quiet=60)
        assert "trusted-users\ndeploy\n" in (target.home / "called").read_text()
        assert signs(door).stat().st_uid == 1234
        close(door)
        assert ended(target, "client")


@pytest.mark.parametrize("name", ["", "*", "@wheel", "-u", "root deploy", "no-such-user"])
def test_who_logs_in_is_asked_where_sudo_names_no_user(
    name: str, target: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_USER", name)
    door = open_door(target, private=True, escalation=dataclasses.replace(BY_SU, method="sudo"), quiet=60)
    assert "trusted-users\ndeploy\n" in (target.home / "called").read_text()
    close(door)


def test_what_su_leaves_of_an_outer_sudo_is_not_believed(lacking: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "daemon")
    door = open_door_if_lacking(lacking, [ONE], protect_as=ROOT, escalation=BY_SU, quiet=60)
    assert door
    assert "trusted-users\ndeploy\n" in (lacking.home / "called").read_text()
    close(door)


def test_a_machine_whose_sudo_does_not_tell_is_asked_again_and_then_opened(lacking: Machine) -> None:
    by_sudo = dataclasses.replace(BY_SU, method="sudo")
    door = open_door_if_lacking(lacking, [ONE], protect_as=ROOT, escalation=by_sudo, quiet=60)
    assert door
    assert lacking.trips == 2
    close(door)


def test_a_machine_that_lacks_something_is_asked_and_opened_in_one_round_trip(lacking: Machine) -> None:
    door = open_door_if_lacking(lacking, [ONE], protect_as=ROOT, escalation=None, quiet=60)
    assert door
    assert lacking.trips == 1
    close(door)


def kept(door: Door) -> bool:
    """Ask what is asked when all has been sent."""
    with Pulse(LocalLink("vps-1"), door.signs, timeout=60) as pulse:
        pulse.ask()
    return pulse.kept()


def test_what_has_arrived_is_told_in_the_session_that_is_open_and_ends_the_private_daemon(lacking: Machine) -> None:
    door = open_door_if_lacking(lacking, [ONE], protect_as=ROOT, escalation=None, quiet=60)
    assert door
    link = ROOTS / ROOT / "1"
    lacking.install({"nix-store": f'[ "$*" = "--realise {ONE} --add-root {link} --option substitute false" ]'})
    assert kept(door)
    assert (lacking.trips, gone(door)) == (1, True)


@pytest.mark.parametrize("store", ["exit 1", "echo 'error: database is locked' >&2; exit 1"])
def test_what_has_not_arrived_or_cannot_be_told_is_not_told_kept(store: str, lacking: Machine) -> None:
    door = open_door_if_lacking(lacking, [ONE], protect_as=ROOT, escalation=None, quiet=60)
    assert door
    lacking.install({"nix-store": store})
    assert not kept(door)
    assert gone(door)


def test_nobody_waits_for_an_answer_where_the_directory_of_the_private_daemon_is_gone(lacking: Machine) -> None:
    door = open_door_if_lacking(lacking, [ONE], protect_as=ROOT, escalation=None, quiet=2)
    assert door
    shutil.rmtree(signs(door).parent)
    start = time.monotonic()
    assert not kept(door)
    assert time.monotonic() - start < 5
    assert ended(lacking, "daemon")


def test_the_question_is_the_logins_to_ask_and_nobody_elses(lacking: Machine) -> None:
    door = open_door_if_lacking(lacking, [ONE], protect_as=ROOT, escalation=BY_SU, quiet=60)
    assert door
    asked = (signs(door).parent / "asked").stat()
    assert (asked.st_uid, oct(asked.st_mode & 0o777)) == (1234, "0o600")
    close(door)


def test_a_machine_that_lacks_nothing_is_not_opened(target: Machine) -> None:
    by_sudo = Escalation("sudo", nobody_asks)
    here = [str(target.home)]
    assert open_door_if_lacking(target, here, protect_as=ROOT, escalation=by_sudo, quiet=60) is None
    assert not (target.home / "called").exists()
    assert target.trips == 1


def test_a_store_that_cannot_be_asked_is_not_opened(target: Machine) -> None:
    target.install({"nix-store": "echo 'error: database is locked' >&2; exit 1"})
    with pytest.raises(CopyError, match="cannot be asked what it has") as failure:
        open_door_if_lacking(target, [str(target.home)], protect_as=ROOT, escalation=None, quiet=60)
    assert "database is locked" in failure.value.log
    assert not (target.home / "called").exists()


def test_the_login_may_write_nothing_but_signs_of_life(target: Machine) -> None:
    door = open_door(target, private=True, escalation=BY_SU, quiet=60)
    directory = signs(door).parent
    for path, owner, mode in [(directory, 0, "0o711"), (signs(door), 1234, "0o700"), (directory / "log", 0, "0o600")]:
        assert (path.stat().st_uid, oct(path.stat().st_mode & 0o777)) == (owner, mode)
    close(door)


def test_nobody_but_the_login_may_connect(target: Machine) -> None:
    by_another = open_door(target, private=True, escalation=BY_SU, quiet=60)
    socket = pathlib.Path(by_another.socket).stat()
    assert (socket.st_uid, oct(socket.st_mode & 0o777)) == (1234, "0o600")
    close(by_another)
    by_root = open_door(target, private=True, escalation=None, quiet=60)
    directory = signs(by_root).parent.stat()
    assert (directory.st_uid, oct(directory.st_mode & 0o777)) == (0, "0o700")
    close(by_root)


def test_a_link_among_the_signs_of_life_leads_nowhere(target: Machine, tmp_path: pathlib.Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    door = open_door(target, private=True, escalation=BY_SU, quiet=60)
    for name in ("log", "ended", "socket", "guard", "beat", "end"):
        (signs(door) / name).symlink_to(victim)
    assert ended(target, "daemon")
    # What is not ours among the signs stays, and the directory with it.
    for _try in range(50):
        if not (signs(door).parent / "log").exists():
            break
        time.sleep(0.1)
    assert victim.read_text() == "precious"
    assert sorted(path.name for path in signs(door).iterdir()) == ["ended", "guard", "log", "socket"]
    assert signs(door).stat().st_uid == 0
    shutil.rmtree(signs(door).parent)


def test_a_private_daemon_ends_even_when_its_directory_is_gone(target: Machine) -> None:
    door = open_door(target, private=True, escalation=None, quiet=2)
    process_of(target, "client")
    shutil.rmtree(signs(door).parent)
    assert ended(target, "daemon")
    assert ended(target, "client")


def test_a_daemon_that_is_too_slow_does_not_stay(target: Machine) -> None:
    target.install({"nix-daemon": 'echo "$$" >"$HOME/daemon"; echo not yet >&2; exec /bin/sleep 60'})
    with pytest.raises(CopyError, match="no Nix daemon could be started") as failure:
        open_door(target, private=True, escalation=None, quiet=60)
    assert "not yet" in failure.value.log
    assert ended(target, "daemon")


def test_a_private_daemon_ends_with_its_clients_when_it_is_told_to(target: Machine) -> None:
    door = open_door(target, private=True, escalation=None, quiet=60)
    client = process_of(target, "client")
    assert pathlib.Path(f"/proc/{client}").exists()
    (signs(door) / "end").touch()
    assert ended(target, "daemon")
    assert ended(target, "client")
    assert gone(door)


@pytest.fixture(params=SHELLS)
def guarded(request: pytest.FixtureRequest, target: Machine) -> Machine:
    """The same, with each kind of sh that can be had."""
    target.install({"sh": f'exec {request.param} "$@"'})
    return target


def guards(door: Door) -> list[int]:
    """Return the two shells that guard a private daemon, the parent first."""
    for _try in range(50):
        found = shells_of(door)
        # What one of them starts is as well for a moment, until it is a program of its own.
        if len(found) == 2:
            return sorted(found, key=lambda pid: found[pid] in found)
    raise AssertionError(f"guards: {found}")


def shells_of(door: Door) -> dict[int, int]:
    """Return the parent of each process that runs a private daemon's guard."""
    found = {}
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"{signs(door).parent}/guard" in (process / "cmdline").read_text().split("\0"):
                found[int(process.name)] = int((process / "stat").read_text().rpartition(")")[2].split()[1])
    return found


@pytest.mark.parametrize("which", [0, 1])
def test_a_private_daemon_ends_with_its_clients_when_one_of_its_guards_is_killed(which: int, guarded: Machine) -> None:
    door = open_door(guarded, private=True, escalation=None, quiet=60)
    process_of(guarded, "client")
    os.kill(guards(door)[which], signal.SIGKILL)
    assert ended(guarded, "daemon")
    assert ended(guarded, "client")
    assert gone(door)


def test_the_clients_of_a_private_daemon_that_is_killed_end_as_well(guarded: Machine) -> None:
    door = open_door(guarded, private=True, escalation=None, quiet=60)
    process_of(guarded, "client")
    os.kill(process_of(guarded, "daemon"), signal.SIGKILL)
    assert ended(guarded, "client")
    assert gone(door)


def test_a_guard_that_is_told_to_end_leaves_nothing(guarded: Machine) -> None:
    door = open_door(guarded, private=True, escalation=None, quiet=60)
    process_of(guarded, "client")
    os.kill(guards(door)[0], signal.SIGTERM)
    assert ended(guarded, "daemon")
    assert ended(guarded, "client")
    assert gone(door)


def test_a_private_daemon_ends_when_nobody_gives_a_sign_of_life(target: Machine) -> None:
    # Twice the silence: its client might still be reading.
    door = open_door(target, private=True, escalation=None, quiet=1)
    process_of(target, "client")
    assert ended(target, "daemon")
    assert ended(target, "client")
    assert gone(door)


def test_a_private_daemon_stays_while_there_are_signs_of_life(target: Machine) -> None:
    door = open_door(target, private=True, escalation=None, quiet=5)
    for _try in range(30):
        (signs(door) / "beat").touch()
        time.sleep(0.05)
    assert pathlib.Path(door.socket).exists()
    close(door)


def test_a_private_daemon_does_without_setsid(target: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sh", "cat", "id", "mktemp", "mkdir", "chmod", "rm", "rmdir", "chown", "ls", "sed"):
        found = shutil.which(name)
        assert found
        (target.programs / name).symlink_to(found)
    (target.programs / "python3").symlink_to(sys.executable)
    script_path = f"PATH={target.programs}\n"
    run = target.run
    monkeypatch.setattr(target, "run", lambda script, *arguments: run(script_path + script, *arguments))
    door = open_door(target, private=True, escalation=None, quiet=60)
    close(door)


def test_a_daemon_that_does_not_start_is_reported_in_its_own_words(machine: Machine) -> None:
    machine.install({"nix-store": "exit 0", "nix-daemon": "echo 'error: no such setting' >&2; exit 1"})
    with pytest.raises(CopyError, match="no Nix daemon could be started") as failure:
        open_door(machine, private=True, escalation=None, quiet=60)
    assert "no such setting" in failure.value.log


def test_a_machine_without_nix_is_told_apart(machine: Machine) -> None:
    with pytest.raises(CopyError, match="there is no Nix"):
        open_door(machine, private=True, escalation=None, quiet=60)


def test_the_login_is_who_the_connection_logs_in_as(machine: Machine) -> None:
    machine.install({"id": "case $1 in -u) echo 1000 ;; -un) echo deploy ;; esac"})
    assert Login.of(machine) == Login("1000", "deploy")


def test_a_login_without_a_name_goes_by_its_number(machine: Machine) -> None:
    machine.install({"id": "case $1 in -u) echo 10123 ;; -un) exit 1 ;; esac"})
    assert Login.of(machine) == Login("10123", "10123")
