# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files for a service, put in place by the script that does it on a machine, in every shell that there is here."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import time
import typing as t
from concurrent import futures

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.files.engine import Answer, Request, parse_answer, script
from ansible_collections.nix.fleet.plugins.plugin_utils.files.file import File

from ..activation.machine import SHELLS

EVERY_BYTE = bytes(range(256)) * 8


class Machine:
    """A directory of data, a service that has loaded what was in it, and the shell that the script runs in."""

    def __init__(self, shell: list[str], directory: pathlib.Path) -> None:
        self.shell = shell
        self.directory = directory / "data"
        self.directory.mkdir(mode=0o755)
        self.loaded = directory / "loaded"

    def file(self, name: str = "a.json", **fields: t.Any) -> File:
        """Return a file of this directory."""
        return File(str(self.directory), name, **fields)

    def request(self, *files: File, **commands: str) -> Request:
        """Return a request whose service notes what it loads."""
        load = f"cat {self.directory}/*.json >{self.loaded} 2>/dev/null; echo x >>{self.loaded}s"
        words = {name: ("sh", "-c", line) for name, line in {"reload": load, **commands}.items()}
        return Request(files, within=0, timeout=5, **words)

    def text(self, request: Request, *contents: bytes, check: bool = False) -> str:
        """Return the script that gives the files their contents."""
        given = dict(zip((file for file in request.files if not file.absent), contents, strict=True))
        return script(request, given, check=check, diff=True)

    def give(self, request: Request, *contents: bytes, check: bool = False) -> Answer:
        """Run the script, and return what it says."""
        text = self.text(request, *contents, check=check)
        done = subprocess.run([*self.shell, "-s"], input=text.encode(), capture_output=True, check=False, timeout=60)
        answer = parse_answer(done.stdout.decode(), request)
        assert bool(done.returncode) == bool(answer.cause), (done.returncode, done.stdout, done.stderr)
        return answer

    def files(self) -> dict[str, bytes]:
        """Return everything that is in the directory."""
        return {path.name: path.read_bytes() for path in self.directory.iterdir()}

    def loads(self) -> int:
        """Return how often the service has loaded its data."""
        file = pathlib.Path(f"{self.loaded}s")
        return len(file.read_text().split()) if file.exists() else 0


@pytest.fixture(params=SHELLS)
def machine(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Machine:
    """Return a machine with nothing in its directory."""
    tmp_path.chmod(0o755)
    return Machine(SHELLS[request.param], tmp_path)


def changes(answer: Answer) -> dict[str, tuple[str, ...]]:
    """Return what changed of each file."""
    assert not answer.cause, answer
    return {pathlib.Path(each.path).name: each.changes for each in answer.changed}


def test_files_are_created_and_the_service_has_them(machine: Machine) -> None:
    request = machine.request(machine.file("a.json"), machine.file("b.json", mode="0600"))
    answer = machine.give(request, EVERY_BYTE, b"b")
    assert changes(answer) == {"a.json": ("created",), "b.json": ("created",)}
    assert answer.reloaded
    assert machine.files() == {"a.json": EVERY_BYTE, "b.json": b"b"}
    assert machine.loaded.read_bytes() == EVERY_BYTE + b"b"
    assert stat.S_IMODE((machine.directory / "b.json").stat().st_mode) == 0o600


def test_data_that_are_as_they_should_be_are_left_alone_and_nothing_reloads(machine: Machine) -> None:
    request = machine.request(machine.file())
    machine.give(request, EVERY_BYTE)
    before = (machine.directory / "a.json").stat()
    answer = machine.give(request, EVERY_BYTE)
    assert changes(answer) == {}
    assert not answer.reloaded
    after = (machine.directory / "a.json").stat()
    assert (after.st_ino, after.st_ctime_ns) == (before.st_ino, before.st_ctime_ns)
    assert machine.loads() == 1


def test_what_was_there_is_told_for_a_difference_unless_it_is_secret(machine: Machine) -> None:
    files = (machine.file("a.json"), machine.file("b.json", secret=True))
    machine.give(machine.request(*files), EVERY_BYTE, b"hidden")
    open_file, secret = machine.give(machine.request(*files), b"new\n", b"also hidden").changed
    assert open_file.old == EVERY_BYTE
    assert secret.old is None
    assert "hidden" not in str(secret.to_difference(b"also hidden"))


def test_check_mode_tells_and_writes_nothing(machine: Machine) -> None:
    machine.give(machine.request(machine.file()), b"old")
    answer = machine.give(machine.request(machine.file(), machine.file("b.json")), b"new", b"b", check=True)
    assert changes(answer) == {"a.json": ("content",), "b.json": ("created",)}
    assert machine.files() == {"a.json": b"old"}
    assert machine.loads() == 1


def test_a_new_file_that_is_not_valid_is_never_in_place(machine: Machine) -> None:
    machine.give(machine.request(machine.file()), b"old")
    strict = machine.file("a.json", validate=("sh", "-c", 'echo "looked at %s"; grep -q good %s'))
    answer = machine.give(machine.request(strict), b"bad")
    assert answer.cause == (
        f'{machine.directory}/a.json is not valid: echo "looked at %s"; grep -q good %s ended with exit code 1: '
        f"looked at {machine.directory}/.a.json.nix.fleet"
    )
    assert f"looked at {machine.directory}/.a.json.nix.fleet" in answer.log
    assert machine.files() == {"a.json": b"old"}
    assert machine.loads() == 1
    assert changes(machine.give(machine.request(strict), b"good")) == {"a.json": ("content",)}


def test_the_path_of_a_file_is_no_part_of_the_program_that_validates_it(machine: Machine) -> None:
    odd = machine.file("$(touch created) `id` '.json", validate=("sh", "-c", "cat %s >/dev/null"))
    assert changes(machine.give(machine.request(odd), b"x"))
    words = machine.file("a b.json", validate=("test", "-f", "%s"))
    assert changes(machine.give(machine.request(words), b"x"))
    assert not (machine.directory / "created").exists()


@pytest.mark.parametrize(
    ("command", "loads"), [("test", 1), ("reload", 1), ("health", 3)], ids=["test", "reload", "health"]
)
def test_when_the_service_does_not_do_with_them_all_old_files_are_back(
    machine: Machine, command: str, loads: int
) -> None:
    old = machine.file("a.json"), machine.file("b.json")
    machine.give(machine.request(*old), b"old a", b"old b")
    before = (machine.directory / "a.json").stat()
    line = f"echo saw it; ! grep -q new {machine.directory}/a.json"
    new = machine.request(
        machine.file("a.json"), machine.file("b.json", absent=True), machine.file("c.json"), **{command: line}
    )
    answer = machine.give(new, b"new a", b"new c")
    assert answer.restored
    assert answer.cause.endswith(f": {line} ended with exit code 1: saw it")
    assert "saw it" in answer.log
    assert answer.healthy is (None if command == "test" else True)
    assert machine.files() == {"a.json": b"old a", "b.json": b"old b"}
    assert (machine.directory / "a.json").stat().st_ino == before.st_ino
    assert machine.loads() == loads
    assert machine.loaded.read_bytes() == b"old aold b"


def test_a_service_that_is_not_well_with_the_old_files_either_is_told(machine: Machine) -> None:
    answer = machine.give(machine.request(machine.file(), health="exit 7"), b"x")
    assert answer.restored
    assert answer.healthy is False
    assert answer.code == "unhealthy"
    assert answer.cause.endswith(": exit 7 ended with exit code 7")
    assert machine.files() == {".a.json.nix.fleet-unread": b""}


def test_a_service_that_may_not_have_read_what_is_there_reads_it_in_the_next_run(machine: Machine) -> None:
    machine.give(machine.request(machine.file()), b"old")
    broken = f"[ -e {machine.loaded}-mended ]"
    assert machine.give(machine.request(machine.file(), health=broken), b"new").healthy is False
    pathlib.Path(f"{machine.loaded}-mended").touch()
    loads = machine.loads()
    answer = machine.give(machine.request(machine.file(), health=broken), b"old")
    assert (answer.reloaded, machine.loads()) == (True, loads + 1)
    assert machine.files() == {"a.json": b"old"}
    assert not machine.give(machine.request(machine.file()), b"old").reloaded


def cut_off(machine: Machine, *, after: str, old: bytes, new: bytes) -> None:
    """Give the machine ``old``, and then ``new`` in a run that is killed when it has come to ``after``."""
    machine.give(machine.request(machine.file()), old)
    text = machine.text(machine.request(machine.file()), new)
    assert text.count(after) == 1
    text = text.replace(after, f"{after}\nkill -9 $$")
    subprocess.run([*machine.shell, "-s"], input=text.encode(), capture_output=True, check=False, timeout=60)


KEPT = 'files_give_up not_replaced "$2/$3 could not be kept${output:+: $output}" no'
PLACED = 'files_give_up not_replaced "$2/$3 could not be replaced${output:+: $output}" no'
READ = "deadline=$process_name"


@pytest.mark.parametrize("after", [KEPT, PLACED, READ], ids=["kept", "placed", "read"])
def test_a_run_that_was_killed_while_a_file_took_its_place_is_undone(machine: Machine, after: str) -> None:
    cut_off(machine, after=after, old=b"old", new=b"new")
    assert (machine.directory / ".a.json.nix.fleet-old").exists()
    assert machine.give(machine.request(machine.file()), b"old").recovered
    assert machine.files() == {"a.json": b"old"}
    assert not machine.give(machine.request(machine.file()), b"old").recovered


def test_a_service_that_a_killed_run_had_read_the_new_file_reads_the_old_one_even_after_a_run_that_fails(
    machine: Machine,
) -> None:
    cut_off(machine, after=READ, old=b"old", new=b"new")
    assert machine.loaded.read_bytes() == b"new"
    refused = machine.give(machine.request(machine.file(validate=("sh", "-c", "exit 1"))), b"bad")
    assert refused.cause
    assert machine.give(machine.request(machine.file()), b"old").reloaded
    assert machine.loaded.read_bytes() == b"old"
    assert machine.files() == {"a.json": b"old"}


# Tells the time as it is when it is first asked, and from then on another one.
DATE = """#!/bin/sh
[ -e {asked} ] && exec {date} -d '{jump}' "$@"
: >{asked}
exec {date} "$@"
"""


def set_the_clock(jump: str, directory: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the machine's time of day be another one as soon as somebody has asked for it."""
    programs = directory / "programs"
    programs.mkdir()
    (programs / "date").write_text(DATE.format(asked=directory / "asked", date=shutil.which("date"), jump=jump))
    (programs / "date").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")


def test_a_service_has_its_time_though_the_clock_jumps_ahead(
    machine: Machine, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_the_clock("+1 hour", tmp_path, monkeypatch)
    ready = tmp_path / "ready"
    request = machine.request(machine.file(), health=f"[ -e {ready} ] || {{ mkdir {ready}; exit 1; }}")
    answer = machine.give(dataclasses.replace(request, within=20), b"new")
    assert (answer.cause, machine.files()) == ("", {"a.json": b"new"})


def test_a_service_that_does_not_get_well_is_given_up_though_the_clock_jumps_back(
    machine: Machine, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.give(machine.request(machine.file()), b"old")
    set_the_clock("-1 hour", tmp_path, monkeypatch)
    request = machine.request(machine.file(), health=f"! grep new {machine.loaded}")
    answer = machine.give(dataclasses.replace(request, within=1), b"new")
    assert (answer.healthy, machine.files()) == (True, {"a.json": b"old"})


def test_half_a_copy_is_never_gone_back_to(machine: Machine) -> None:
    machine.give(machine.request(machine.file()), b"old")
    text = machine.text(machine.request(machine.file()), b"new")
    # On a file system without hard links, where the disk is full half way.
    half = 'ln() { case $* in *-old) return 1 ;; esac; command ln "$@"; }\ncp() { printf half >"$3"; return 1; }\n'
    done = subprocess.run([*machine.shell, "-s"], input=(half + text).encode(), capture_output=True, check=False)
    assert done.returncode
    assert machine.files() == {"a.json": b"old"}
    assert machine.give(machine.request(machine.file()), b"old").recovered == ()


def test_a_command_that_does_not_end_is_ended(machine: Machine) -> None:
    request = machine.request(machine.file(), reload="sleep 60")
    answer = machine.give(Request(request.files, reload=request.reload, timeout=1, within=0), b"x")
    assert answer.code == "rejected"
    assert "it was ended after 1 s" in answer.log
    assert answer.restored
    assert machine.files() == {".a.json.nix.fleet-unread": b""}


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root, to mount a file system")
@pytest.mark.parametrize("room", ["none", "for the data"])
def test_a_full_file_system_is_named_as_the_reason(machine: Machine, room: str) -> None:
    files = machine.file("a.json"), machine.file("b.json")
    mounted = subprocess.run(
        [
            "mount",
            "-t",
            "tmpfs",
            "-o",
            f"size=1m,mode=755{',nr_inodes=4' if room != 'none' else ''}",
            "none",
            machine.directory,
        ],
        check=False,
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        machine.give(machine.request(files[0]), b"old")
        answer = machine.give(machine.request(*files), b"new", EVERY_BYTE * 1024 if room == "none" else b"b")
        assert answer.cause.startswith(f"{machine.directory}/")
        assert "No space left on device" in answer.cause
        assert machine.files() == {"a.json": b"old"}
    finally:
        subprocess.run(["umount", machine.directory], check=True)


def test_a_run_that_was_killed_is_undone_by_the_next_one(machine: Machine) -> None:
    files = machine.file("a.json"), machine.file("b.json")
    machine.give(machine.request(files[0]), b"old")
    request = machine.request(*files, health=f"touch {machine.loaded}-now; sleep 30")
    text = machine.text(request, b"new", b"new")
    process = subprocess.Popen(
        [*machine.shell, "-s"], stdin=subprocess.PIPE, start_new_session=True, stdout=subprocess.DEVNULL
    )
    assert process.stdin
    process.stdin.write(text.encode())
    process.stdin.close()
    seen = pathlib.Path(f"{machine.loaded}-now")
    until = time.monotonic() + 20
    while not seen.exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert (machine.directory / "a.json").read_bytes() == b"new"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()

    checked = machine.give(machine.request(*files), b"old", b"b", check=True)
    assert checked.recovered == tuple(file.path for file in files)
    assert (machine.directory / "a.json").read_bytes() == b"new"
    answer = machine.give(machine.request(*files), b"old", b"b")
    assert answer.recovered == tuple(file.path for file in files)
    assert changes(answer) == {"b.json": ("created",)}
    assert machine.files() == {"a.json": b"old", "b.json": b"b"}
    assert machine.loaded.read_bytes() == b"oldb"


def test_a_run_goes_on_when_nobody_listens_any_more(machine: Machine) -> None:
    request = machine.request(machine.file(), health="sleep 0.5")
    process = subprocess.Popen([*machine.shell, "-s"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin
    assert process.stdout
    process.stdin.write(machine.text(request, b"x").encode())
    process.stdout.close()
    process.stdin.close()
    assert process.wait(20) == 0
    assert machine.files() == {"a.json": b"x"}
    assert machine.loads() == 1


def test_two_runs_do_not_get_into_each_others_way(machine: Machine) -> None:
    slow = machine.request(machine.file(), health=f"touch {machine.loaded}-now; sleep 2")
    process = subprocess.Popen([*machine.shell, "-s"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert process.stdin
    process.stdin.write(machine.text(slow, b"first").encode())
    process.stdin.close()
    seen = pathlib.Path(f"{machine.loaded}-now")
    until = time.monotonic() + 20
    while not seen.exists() and time.monotonic() < until:
        time.sleep(0.02)
    answer = machine.give(machine.request(machine.file()), b"second")
    assert answer.code == "locked"
    assert process.wait(20) == 0
    assert machine.files() == {"a.json": b"first"}


# A number alone is no name: another process may have it by now.
@pytest.mark.parametrize("named", ["{} 1 earlier", "{}"])
def test_the_lock_of_a_run_that_is_no_more_is_taken_though_its_number_is_somebody_elses(
    machine: Machine, named: str
) -> None:
    (machine.directory / ".a.json.nix.fleet-lock").symlink_to(named.format(os.getpid()))
    assert changes(machine.give(machine.request(machine.file()), b"x")) == {"a.json": ("created",)}
    assert machine.files() == {"a.json": b"x"}


def test_of_two_runs_that_find_a_dead_lock_one_goes_on(machine: Machine) -> None:
    (machine.directory / ".a.json.nix.fleet-lock").symlink_to("4194305 1 earlier")
    inside = machine.directory.with_name("inside")
    # Whoever finds it dead first is slow to remove it: by then, the other one may have one of its own.
    slow = f"for _ in 1 2 3 4 5 6 7 8 9 10; do [ -e {inside} ] || sleep 0.2; done"
    rm = f'rm() {{ case $* in *-lock) ! mkdir {inside}-first 2>/dev/null || {{ {slow}; }} ;; esac; command rm "$@"; }}'
    request = machine.request(machine.file(), health=f"mkdir {inside} && sleep 2 && rmdir {inside}")
    texts = [f"{rm}\n{machine.text(request, content)}" for content in (b"first", b"second")]
    runs = [subprocess.Popen([*machine.shell, "-s"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _text in texts]
    with futures.ThreadPoolExecutor() as pool:
        said = pool.map(
            lambda pair: pair[0].communicate(pair[1].encode(), timeout=60)[0], zip(runs, texts, strict=True)
        )
        answers = [parse_answer(text.decode(), request) for text in said]
    # One after the other at most: none fails for finding the other inside.
    assert {answer.code for answer in answers if answer.cause} <= {"locked"}
    assert not all(answer.cause for answer in answers)
    assert set(machine.files()) == {"a.json"}


def test_a_directory_in_other_hands_is_refused(machine: Machine) -> None:
    machine.directory.chmod(0o777)
    answer = machine.give(machine.request(machine.file()), b"x")
    assert answer.code == "unsafe_path"
    assert machine.files() == {}


def test_a_missing_directory_is_made(machine: Machine) -> None:
    machine.directory.rmdir()
    assert changes(machine.give(machine.request(machine.file()), b"x", check=True)) == {"a.json": ("created",)}
    assert not machine.directory.exists()
    assert changes(machine.give(machine.request(machine.file()), b"x")) == {"a.json": ("created",)}
    assert stat.S_IMODE(machine.directory.stat().st_mode) == 0o755
