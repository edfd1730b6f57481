# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One server with a login that is not root, whose ways to become root the tests choose."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import threading
import typing as t
from pathlib import Path

import pytest

from ..fleet.lab import ROOT, new_fleet, on
from ..fleet.project import Project, Run

HOST = "vps-de-1"
PASSWORD = "it's $(a) p4ss"
HERE = Path(__file__).parent


@pytest.fixture(scope="module", autouse=True)
def fleet() -> None:
    """Have the builder and the server up, as new."""
    new_fleet("homelab", HOST)


RULES = "/etc/polkit-1/rules.d/60-run0.rules"
NO_RUN0 = f"rm -f {RULES}"


@pytest.fixture(autouse=True)
def nobody_may() -> None:
    """Take every way to become root away, and give the login a password."""
    on(HOST, f"rm -f /etc/doas.conf; : >/etc/sudoers.d/lab; {NO_RUN0}")
    on(HOST, 'printf "%s\\n" "$1" | chpasswd', f"deploy:{PASSWORD}")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a project whose server is deployed to by whoever the test says."""
    project = Project.copied_to(tmp_path)
    (tmp_path / "become_plugins").symlink_to(HERE / "become_plugins")
    return project


def deploy(project: Project, method: str, *arguments: str, **environment: str) -> Run:
    """Deploy something new to the server."""
    command = ["ansible-playbook", "nix.fleet.deploy", "-l", HOST, "-e", f"ansible_become_method={method}", *arguments]
    with no_command_line_has(PASSWORD):
        done = subprocess.run(
            command,
            cwd=project.root,
            env=environment_of(project, **environment),
            capture_output=True,
            text=True,
            check=False,
        )
    return Run(done.returncode, done.stdout + done.stderr)


@contextlib.contextmanager
def no_command_line_has(secret: str) -> t.Iterator[None]:
    """Look at the arguments of every process, the host's among them, for as long as the block lasts."""
    over = threading.Event()
    found: set[str] = set()

    def look() -> None:
        while not over.wait(0.05):
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                # Most end while they are looked at.
                with contextlib.suppress(OSError):
                    if secret.encode() in (text := file.read_bytes()):
                        found.add(text.decode(errors="replace").replace("\0", " "))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    assert not found


def deploy_and_type(project: Project, method: str, typed: str, *arguments: str) -> Run:
    """Do the same at a terminal, where ``typed`` is the answer to the first question."""
    command = ["ansible-playbook", "nix.fleet.deploy", "-l", HOST, "-e", f"ansible_become_method={method}", *arguments]
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(project.root)
        os.execvpe(command[0], command, environment_of(project))
    output = b""
    asked = False
    while True:
        try:
            read = os.read(terminal, 4096)
        except OSError:
            break
        output += read
        if not asked and b"password" in output:
            asked = True
            os.write(terminal, f"{typed}\n".encode())
    _pid, status = os.waitpid(child, 0)
    os.close(terminal)
    return Run(os.waitstatus_to_exitcode(status), output.decode().replace("\r\n", "\n"))


def environment_of(project: Project, **more: str) -> dict[str, str]:
    """Return the environment of a run."""
    return {
        **os.environ,
        "ANSIBLE_CONFIG": str(project.root / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv" / "collections"),
        "ANSIBLE_BECOME_PLUGINS": str(HERE / "become_plugins"),
        "ANSIBLE_NOCOLOR": "1",
        "COLUMNS": "100",
        "LC_ALL": "C.UTF-8",
        "PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
        **more,
    }
