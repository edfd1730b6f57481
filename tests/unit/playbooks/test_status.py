# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook nix.fleet.status, where no host answers, or where one answers with less than is usual."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
import threading
import time
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from ..playbook import ROOT, run_playbook

HOSTS_OF_A_KIND = 8
FORKS = 4
TIMEOUT = 2


def silence(_connection: socket.socket, _over: threading.Event) -> None:
    """Accept and say nothing: a firewall, or a machine asleep."""


def drip(connection: socket.socket, over: threading.Event) -> None:
    """Send a byte now and then of a line that has no end."""
    while not over.wait(0.2):
        connection.sendall(b"x")


@contextlib.contextmanager
def served(behave: Callable[[socket.socket, threading.Event], None]) -> Iterator[int]:
    """Have a machine that behaves so whenever somebody connects; yield its port."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        server.settimeout(0.1)
        open_ones: list[socket.socket] = []

        def begin(connection: socket.socket) -> None:
            with contextlib.suppress(OSError):
                behave(connection, over)

        def accept() -> None:
            while not over.is_set():
                with contextlib.suppress(TimeoutError):
                    connection, _address = server.accept()
                    open_ones.append(connection)
                    threading.Thread(target=begin, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()
            thread.join()
            for connection in open_ones:
                connection.close()


def test_hosts_that_take_a_connection_and_do_not_answer_cost_no_more_than_the_time_limit(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        ports = {behave.__name__: stack.enter_context(served(behave)) for behave in (silence, drip)}
        hosts = {
            f"{kind.replace('_', '-')}-{number}": {"ansible_port": port}
            for kind, port in ports.items()
            for number in range(HOSTS_OF_A_KIND)
        }
        variables = {"ansible_host": "127.0.0.1", "ansible_ssh_common_args": "-F /dev/null"}
        inventory = tmp_path / "hosts.yml"
        inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": variables}}))
        began = time.monotonic()
        done = run_playbook(
            *(ROOT / "playbooks/status.yml", "-i", inventory, "-e", f"status_timeout={TIMEOUT}", "-f", FORKS),
            ANSIBLE_INVENTORY_ENABLED="yaml",
            ANSIBLE_STDOUT_CALLBACK="ansible.builtin.default",
        )
        seconds = time.monotonic() - began
        left = [command for command in commands() if any(f"Port={port}" in command for port in ports.values())]
    unreachable = re.findall(r"^(\S+) +: ok=1 .* unreachable=1 ", done.stdout, re.MULTILINE)
    assert set(unreachable) == set(hosts), done.stdout + done.stderr
    assert seconds < 2 * TIMEOUT * len(hosts) / FORKS
    assert left == []


def commands() -> list[str]:
    """Return the command lines of all processes of this machine."""
    listed = subprocess.run(["ps", "-A", "-ww", "-o", "args="], capture_output=True, text=True, check=True)
    return listed.stdout.splitlines()


@pytest.mark.parametrize("journal", [[], [{"outcome": "confirmed", "user": "a\nweb  ok"}], [{"job": 1, "run": None}]])
def test_a_line_of_a_journal_that_lacks_fields_fails_no_host(tmp_path: Path, journal: list[dict[str, t.Any]]) -> None:
    (_ask, say) = yaml.safe_load((ROOT / "roles/status/tasks/main.yml").read_text())
    answer = {"current_system": None, "generation": None, "generations": [], "journal": journal}
    play = {"hosts": "localhost", "gather_facts": False, "vars": {"status_result": answer}, "tasks": [say]}
    (tmp_path / "play.yml").write_text(json.dumps([play]))
    done = run_playbook(
        *("-v", "-i", "localhost,", tmp_path / "play.yml"), ANSIBLE_STDOUT_CALLBACK="ansible.builtin.default"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert ("no deployment is recorded" in done.stdout) is (journal == [])
