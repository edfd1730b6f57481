# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person sees who runs a playbook in a terminal."""

from __future__ import annotations

import dataclasses
import fcntl
import os
import pty
import re
import secrets
import select
import struct
import subprocess
import termios
import time
import typing as t
from collections.abc import Iterator

import pytest

from .lab import ROOT, cut
from .project import Project

LINES, COLUMNS = 24, 100
PATIENCE = 300.0
ORDERS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
SHOW_CURSOR, HIDE_CURSOR = "\x1b[?25h", "\x1b[?25l"


@dataclasses.dataclass
class Terminal:
    """A terminal with a playbook in it."""

    process: subprocess.Popen[bytes]
    keyboard: int
    screen: int
    seen: str = ""

    def wait_for(self, text: str) -> None:
        """Read until ``text`` has been printed."""
        deadline = time.monotonic() + PATIENCE
        while text not in ORDERS.sub("", self.seen):
            assert self._read(deadline), f"no {text!r} in:\n{self.seen}"

    def type(self, keys: str) -> None:
        os.write(self.keyboard, keys.encode())

    def end(self) -> int:
        """Read to the end, and return the exit code."""
        deadline = time.monotonic() + PATIENCE
        while self._read(deadline):
            pass
        return self.process.wait(PATIENCE)

    @property
    def text(self) -> str:
        return ORDERS.sub("", self.seen)

    def lines(self, mark: str) -> list[str]:
        """Return the lines that stay and begin so."""
        return [line for line in re.split(r"[\r\n]+", self.text) if line.startswith(mark)]

    def _read(self, deadline: float) -> bool:
        while time.monotonic() < deadline:
            if select.select([self.keyboard], [], [], 0.2)[0]:
                self.seen += os.read(self.keyboard, 1 << 16).decode(errors="replace")
                return True
            if self.process.poll() is not None:
                return False
        raise AssertionError(f"no end of it:\n{self.seen}")


@pytest.fixture
def opened() -> Iterator[t.Callable[..., Terminal]]:
    """Opens terminals, and closes them at the end."""
    terminals: list[Terminal] = []

    def open_with(project: Project, *command: str, **environment: str) -> Terminal:
        keyboard, screen = pty.openpty()
        fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        settings = {
            "ANSIBLE_CONFIG": str(project.root / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv" / "collections"),
            "ANSIBLE_STDOUT_CALLBACK": "nix.fleet.progress",
            "LC_ALL": "C.UTF-8",
            "PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
            "TERM": "xterm-256color",
        }
        process = subprocess.Popen(
            ["ansible-playbook", *command],
            cwd=project.root,
            env={**os.environ, **settings, **environment},
            stdin=screen,
            stdout=screen,
            stderr=screen,
            preexec_fn=lambda: _lead(screen),
        )
        terminals.append(Terminal(process, keyboard, screen))
        return terminals[-1]

    yield open_with
    for terminal in terminals:
        terminal.process.kill()
        terminal.process.wait()
        os.close(terminal.keyboard)
        os.close(terminal.screen)


def _lead(screen: int) -> None:
    """Make the terminal that of the process, so that its keys reach it."""
    os.setsid()
    fcntl.ioctl(screen, termios.TIOCSCTTY, 0)


def change(project: Project) -> None:
    project.edit("inventory/nodes.nix", 'greeting = "Hello";', f'greeting = "{secrets.token_hex(4)}";')


def test_each_host_is_seen_at_work_and_then_in_a_line_that_stays(
    servers: Project, opened: t.Callable[..., Terminal]
) -> None:
    change(servers)
    servers.edit(
        "nix/roles/web.nix",
        "${pkgs.busybox}/bin/httpd",
        '${builtins.trace "warning: pages are old-fashioned" (if node.name == "vps-sg-2" then pkgs.runCommand '
        '"broken-page" { } "sleep 2; echo the page is broken; exit 3" else pkgs.busybox)}/bin/httpd',
    )
    with cut("vps-de-1"):
        terminal = opened(servers, "deploy.yml", "-l", "vps")
        assert terminal.end() == 4
    assert "3 hosts: 3 at work" in terminal.text
    # Nix has said so of each of the three.
    assert terminal.text.count("pages are old-fashioned") == 1
    assert re.search(r"building \d+/\d+ broken-page", terminal.text)
    assert [line.split()[1] for line in terminal.lines("✓")] == ["vps-sg-1"]
    assert sorted(line.split()[1] for line in terminal.lines("✗")) == ["vps-de-1", "vps-sg-2"]
    assert "broken-page did not build: builder failed with exit code 3" in terminal.text
    assert terminal.text.count("FLEET *") == 1
    assert "1 confirmed" in terminal.text.rstrip().splitlines()[-1]
    for machine_talk in ("fatal:", "TASK [", '{"', "PLAY RECAP"):
        assert machine_talk not in terminal.text


ASKING = """
- import_playbook: nix.fleet.build
- hosts: vps-sg-1
  gather_facts: false
  vars_prompt:
    - name: answer
      prompt: What is its name
      private: false
  tasks:
    - ansible.builtin.debug:
        msg: "it is {{ answer }}"
"""


def test_who_is_done_has_a_line_before_a_play_asks_and_in_each_of_several_playbooks(
    project: Project, opened: t.Callable[..., Terminal]
) -> None:
    change(project)
    (project.root / "asking.yml").write_text(ASKING)
    terminal = opened(project, "asking.yml", "nix.fleet.status", "-l", "vps-sg-1")
    terminal.wait_for("What is its name")
    assert len(terminal.lines("✓")) == 1
    terminal.type("Ada\r")
    assert terminal.end() == 0
    assert "it is Ada" in terminal.text
    assert terminal.text.count("FLEET *") == 2
    assert "can only be started once" not in terminal.text


def test_an_interrupted_run_leaves_the_terminal_as_it_was(project: Project, opened: t.Callable[..., Terminal]) -> None:
    (project.root / "sleep.yml").write_text(
        "- hosts: vps-sg-1\n  gather_facts: false\n  tasks:\n    - name: Sleep\n      ansible.builtin.raw: sleep 60\n"
    )
    terminal = opened(project, "sleep.yml")
    before = termios.tcgetattr(terminal.screen)
    terminal.wait_for("Sleep")
    terminal.type("\x03")
    assert terminal.end() == 99
    assert "1 host: 1 at work" in terminal.text
    assert "Traceback" not in terminal.text
    assert termios.tcgetattr(terminal.screen) == before
    assert terminal.seen.rindex(SHOW_CURSOR) > terminal.seen.rindex(HIDE_CURSOR)
