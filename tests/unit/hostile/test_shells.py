# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever value reaches a machine's shell, it is a value there: nothing in it runs, and nothing is written elsewhere."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shlex
import subprocess
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.answer import parse_answer
from ansible_collections.nix.fleet.plugins.plugin_utils.activation.info import info_script
from ansible_collections.nix.fleet.plugins.plugin_utils.activation.request import (
    Origin,
    Request,
    begin_script,
    one_line,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.ansible.shell import ConnectionShell
from ansible_collections.nix.fleet.plugins.plugin_utils.build.build import INQUIRE
from ansible_collections.nix.fleet.plugins.plugin_utils.copy.store_socket import missing_paths
from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import NixError
from ansible_collections.nix.fleet.plugins.plugin_utils.core.process import run_command
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.command import exported
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.store import root_name
from ansible_collections.nix.fleet.plugins.plugin_utils.platforms.platform import platforms
from ansible_collections.nix.fleet.plugins.plugin_utils.target.programs import calling, from_stdin
from ansible_collections.nix.fleet.tests.unit.plugin_utils.activation.machine import SHELLS, Machine

from .values import CANARY, TREACHEROUS

pytestmark = pytest.mark.parametrize("name", SHELLS)
TEXTS = tuple(text for text in TREACHEROUS if "\ud800" not in text)
WORDS = tuple(text for text in TEXTS if "\0" not in text)
CLOSURE = f"/nix/store/{'0' * 32}-system"


def test_arguments_are_arguments(tmp_path: pathlib.Path, name: str) -> None:
    shell, place = connected(tmp_path, name)
    assert run_command(shell, "printf", "%s|", *WORDS).stdout == "".join(f"{text}|" for text in WORDS)
    assert not betrayed(place)


def test_settings_of_nix_are_settings_or_refused(tmp_path: pathlib.Path, name: str) -> None:
    shell, place = connected(tmp_path, name)
    for text in TEXTS:
        try:
            script = exported({"access-tokens": text})
        except NixError as error:
            assert CANARY not in str(error)
        else:
            assert shell.run(f'{script}printf "%s" "$NIX_CONFIG"').stdout.endswith(f"access-tokens = {text}")
    assert not betrayed(place)


def test_a_root_is_named_after_any_host_and_stays_in_its_directory(tmp_path: pathlib.Path, name: str) -> None:
    shell, place = connected(tmp_path, name)
    for file in map(root_name, TEXTS):
        assert "/" not in file
        assert file not in (".", "..")
        shell.run(INQUIRE, "", file)
        with contextlib.suppress(NixError):  # no file system takes the longest
            missing_paths(shell, [CLOSURE], gc_root=file)
    assert not betrayed(place)
    assert {path.relative_to(place).parts[0] for path in place.rglob("*")} == {"home", "bin"}


def test_a_profile_is_a_path_to_who_describes_a_machine(tmp_path: pathlib.Path, name: str) -> None:
    shell, place = connected(tmp_path, name)
    for text in WORDS:
        shell.run(info_script("home-manager", text, 10))
    assert not betrayed(place)


def test_arguments_of_a_line_for_any_login_shell_are_arguments(tmp_path: pathlib.Path, name: str) -> None:
    script = calling("source_command", "source_command_run")
    words, start = from_stdin(script, "1", str(tmp_path / "socket"), "", "printf", "%s|", *WORDS)
    assert not any("\n" in word for word in words[:4])
    source = subprocess.Popen(
        [*SHELLS[name], "-c", shlex.join(words)], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert source.stdin is not None
    assert source.stdout is not None
    source.stdin.write(start + b"\n")
    source.stdin.flush()
    expected = "".join(f"{text}|" for text in WORDS).encode()
    assert source.stdout.read(len(expected)) == expected
    source.stdin.close()
    source.stdout.close()
    source.wait(20)
    for text in WORDS:
        words, start = from_stdin(calling("private_daemon", "keepalive_run"), text, "1")
        command = [*SHELLS[name], "-c", shlex.join(words)]
        subprocess.run(command, cwd=tmp_path, input=start + b"\n", capture_output=True, check=False, timeout=20)
    assert not betrayed(tmp_path)


FIELDS = "closure rollback profile goal program specialisation backup_extension".split()


@pytest.mark.parametrize("field", FIELDS)
def test_a_request_is_refused_or_only_means_what_it_says(tmp_path: pathlib.Path, name: str, field: str) -> None:
    machine = Machine(tmp_path / "machine", name)
    before = {path.name for path in machine.root.iterdir()}
    closure = machine.closure("system", activate="exit 0")
    custom = field in ("profile", "program")
    for number, text in enumerate(TEXTS):
        given: dict[str, t.Any] = {"closure": closure}
        given |= {"profile": "~/profile", "program": "activate"} if custom else {}
        given |= {field: text} | ({"closure": None} if field == "rollback" else {})
        platform = "custom" if custom else "nixos" if field in ("goal", "specialisation") else "home-manager"
        try:
            request = Request(f"20260101T000000Z-{number:08}", platforms()[platform], Origin("alice", "desk"), **given)
        except NixError as error:
            assert error.details["outcome"] == "refused"
            assert "\x1b" not in str(error)
        else:
            machine.run(begin_script(request))
    assert not betrayed(tmp_path)
    assert {path.name for path in machine.root.iterdir()} == before


def test_who_deploys_and_why_are_words_in_the_journal(tmp_path: pathlib.Path, name: str) -> None:
    machine = Machine(tmp_path / "machine", name)
    sentences = ["".join(WORDS[first::5]) for first in range(5)]
    for number, text in enumerate(sentences):
        closure = machine.closure(f"system-{number}", activate="exit 0")
        origin = Origin(user=text, controller=text, revision=text, description=text)
        place: dict[str, t.Any] = {"profile": "/nix/var/nix/profiles/app", "program": "activate"}
        request = Request(f"20260101T000000Z-{number:08}", platforms()["custom"], origin, closure=closure, **place)
        answer = parse_answer(machine.run(begin_script(request)).stdout)
        assert answer.outcome == "activated", answer
    assert not betrayed(tmp_path)
    assert [entry["description"] for entry in machine.journal] == [one_line(text) for text in sentences]


def connected(directory: pathlib.Path, name: str) -> tuple[ConnectionShell, pathlib.Path]:
    """Return a shell on a machine that is a directory; it gets there as over ssh, by a login shell's command line."""
    place = directory / "place"
    (place / "bin").mkdir(parents=True)
    (place / "home").mkdir()
    for program in ("nix-store", "nix"):
        (place / "bin" / program).write_text("#!/bin/sh\nexit 0\n")
        (place / "bin" / program).chmod(0o755)
    (place / "bin/sh").write_text(f'#!/bin/sh\nexec {shlex.join(SHELLS[name])} "$@"\n')
    (place / "bin/sh").chmod(0o755)

    def execute(command: str, data: bytes) -> dict[str, t.Any]:
        environment = {"PATH": f"{place}/bin:{os.environ['PATH']}", "HOME": str(place / "home")}
        done = subprocess.run(
            [*SHELLS[name], "-c", command],
            input=data,
            cwd=place,
            env=environment,
            capture_output=True,
            check=False,
            timeout=60,
        )
        return {"rc": done.returncode, "stdout": done.stdout.decode(errors="surrogateescape"), "stderr": ""}

    return ConnectionShell("vps-1", execute), place


def betrayed(directory: pathlib.Path) -> bool:
    """Whether something in a value has run."""
    return any(path.name.startswith(CANARY) for path in directory.rglob("*")) or pathlib.Path(CANARY).exists()
