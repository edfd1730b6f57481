# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine's nix.conf gets a block of lines, in each kind of sh; what others manage is left to them."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.plugins.action.nix_substituters import advice, sentence
from ansible_collections.nix.fleet.plugins.plugin_utils.cache.substituters import Configured, Substituters, configure
from ansible_collections.nix.fleet.plugins.plugin_utils.errors import CacheError

from ..transport.machine import Machine

KEY = f"cache-1:{'A' * 43}="
STORE = "https://cache.example.org"
WANTED = Substituters([STORE], [KEY])
LINES = f"extra-substituters = {STORE}\nextra-trusted-public-keys = {KEY}\n"
NOTHING = Substituters([], [])


def test_the_block_is_written_once_and_replaced_and_removed_and_the_rest_stays(machine: Machine) -> None:
    file = machine.home / "nix.conf"
    file.write_text("max-jobs = 4\n# a comment")
    file.chmod(0o640)
    assert configure(machine, WANTED, file=str(file), check=True).changed
    assert file.read_text() == "max-jobs = 4\n# a comment"
    first = configure(machine, WANTED, file=str(file), check=False)
    assert (first.changed, first.file, first.managed) == (True, str(file), None)
    assert file.read_text().startswith("max-jobs = 4\n# a comment\n")
    assert LINES in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o640
    again = configure(machine, WANTED, file=str(file), check=False)
    assert (again.changed, LINES in again.before) == (False, True)
    assert configure(machine, Substituters([], [KEY]), file=str(file), check=False).changed
    assert STORE not in file.read_text()
    assert configure(machine, NOTHING, file=str(file), check=False).changed
    assert file.read_text() == "max-jobs = 4\n# a comment\n"
    assert not configure(machine, NOTHING, file=str(file), check=False).changed
    assert [path.name for path in machine.home.iterdir()] == ["nix.conf"]


def test_a_file_that_is_not_there_is_made_with_its_directory(machine: Machine) -> None:
    configure(machine, WANTED, file="~/.config/nix/nix.conf", check=False)
    assert LINES in (machine.home / ".config" / "nix" / "nix.conf").read_text()


def test_half_a_block_is_not_guessed_at(machine: Machine) -> None:
    file = machine.home / "nix.conf"
    configure(machine, WANTED, file=str(file), check=False)
    text = file.read_text().replace("# nix.fleet: end\n", "max-jobs = 4\n")
    file.write_text(text)
    with pytest.raises(CacheError, match="and not its last one"):
        configure(machine, NOTHING, file=str(file), check=False)
    assert file.read_text() == text


def test_a_file_of_home_manager_is_left_alone_and_nix_is_asked_what_it_makes_of_it(machine: Machine) -> None:
    machine.install({"nix": f'case $* in *"show substituters") echo {STORE} ;; *) echo other {KEY} ;; esac'})
    file = machine.home / "nix.conf"
    file.symlink_to("/nix/store/00000000000000000000000000000000-home/nix.conf")
    done = configure(machine, WANTED, file=str(file), check=False)
    assert (done.managed, done.there, done.changed) == ("home-manager", True, False)
    assert not configure(machine, Substituters([f"{STORE}/other"], []), file=str(file), check=False).there


@pytest.mark.parametrize(
    ("stores", "keys", "says"),
    [
        (["cache.example.org"], [], "not the address of a store"),
        (["https://a https://b"], [], "not the address of a store"),
        (["https://a#b"], [], "not the address of a store"),
        (["https://a\nsandbox = false"], [], "not the address of a store"),
        ([], ["cache-1"], "not a public key"),
        ([], [f"{KEY} {KEY}"], "not a public key"),
        ([], [f"a b:{'A' * 43}="], "not a public key"),
    ],
)
def test_what_nix_conf_cannot_hold_is_refused(stores: list[str], keys: list[str], says: str) -> None:
    with pytest.raises(CacheError, match=says):
        Substituters(stores, keys).check()


def test_the_lines_for_a_configuration_are_of_the_nix_language() -> None:
    assert Substituters(["https://a?b=${c}"], []).module_lines == (
        'nix.settings = {\n  extra-substituters = [ "https://a?b=\\${c}" ];\n};\n'
    )


def test_a_restart_that_an_interrupted_run_did_not_come_to_is_made_up_for(machine: Machine) -> None:
    file = machine.home / "nix.conf"
    # The run is gone the moment after the file is in its place.
    machine.install({"mv": '/bin/mv "$@"; kill -KILL "$PPID"'})
    with pytest.raises(CacheError):
        configure(machine, WANTED, file=str(file), check=False)
    assert LINES in file.read_text()
    machine.install({"mv": 'exec /bin/mv "$@"'})
    asked = configure(machine, WANTED, file=str(file), check=True)
    assert (asked.changed, asked.interrupted, asked.restarted) == (False, True, False)
    assert "would restart the Nix daemon" in sentence(asked, would=True)
    assert configure(machine, WANTED, file=str(file), check=False).interrupted
    again = configure(machine, WANTED, file=str(file), check=False)
    assert (again.changed, again.interrupted) == (False, False)
    assert [path.name for path in machine.home.iterdir()] == ["nix.conf"]


@pytest.mark.skipif(Path("/run/systemd/system").exists(), reason="systemd restarts the daemon of this machine")
def test_a_daemon_that_nobody_here_can_restart_is_told_of(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    file = machine.home / "nix.conf"
    address = machine.home.parent / "socket"
    monkeypatch.setenv("NIX_DAEMON_SOCKET_PATH", str(address))
    machine.install({"id": "echo 0", "uname": "echo Linux"})
    assert not configure(machine, WANTED, file=str(file), check=False).to_be_restarted
    with socket.socket(socket.AF_UNIX) as daemon:
        daemon.bind(str(address))
    done = configure(machine, NOTHING, file=str(file), check=False)
    assert (done.changed, done.restarted, done.to_be_restarted) == (True, False, True)
    assert "restart it" in (advice(done, NOTHING) or "")
    assert not configure(machine, NOTHING, file=str(file), check=False).to_be_restarted


def configured(**fields: object) -> Configured:
    """Return what became of a file."""
    usual = {
        "managed": None,
        "there": False,
        "believed": True,
        "changed": False,
        "interrupted": False,
        "restarted": False,
        "to_be_restarted": False,
        "before": "",
    }
    return Configured(file="/etc/nix/nix.conf", **{**usual, **fields})  # type: ignore[arg-type]


def test_what_is_left_to_others_is_said() -> None:
    managed = configured(managed="nixos")
    assert sentence(managed, would=False) == (
        "/etc/nix/nix.conf is part of the NixOS configuration, which does not have all of it"
    )
    assert WANTED.module_lines in (advice(managed, WANTED) or "")
    assert advice(configured(managed="nixos", there=True), WANTED) is None
    assert advice(configured(), WANTED) is None
    assert "does not trust this user" in (advice(configured(believed=False), WANTED) or "")
