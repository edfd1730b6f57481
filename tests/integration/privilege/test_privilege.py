# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A login that is not root deploys by whichever way to become root its machine has, and no password is seen."""

from __future__ import annotations

import os
import pty
from pathlib import Path

import pytest

from ..fleet.changes import change_everything
from ..fleet.lab import new_fleet, on
from ..fleet.project import Project, Run, ended
from ..secrecy.processes import Onlooker

HOST = "vps-de-1"
PASSWORD = "it's $(a) p4ss"


@pytest.fixture(scope="module", autouse=True)
def fleet() -> None:
    """Have the builder and the server up, as new."""
    new_fleet("homelab", HOST)


RULES = "/etc/polkit-1/rules.d/60-run0.rules"


@pytest.fixture(autouse=True)
def nobody_may() -> None:
    """Take every way to become root away, and give the login a password."""
    on(HOST, f"rm -f /etc/doas.conf; : >/etc/sudoers.d/lab; rm -f {RULES}")
    on(HOST, 'printf "%s\\n" "$1" | chpasswd', f"deploy:{PASSWORD}")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Return a project whose server is deployed to by whoever the test says."""
    monkeypatch.setenv("ANSIBLE_BECOME_PLUGINS", str(Path(__file__).parent / "become_plugins"))
    return Project.copied_to(tmp_path)


def deploy(project: Project, method: str, *arguments: str, **environment: str) -> Run:
    """Deploy something new to the server."""
    words = ("nix.fleet.deploy", "-l", HOST, "-e", f"ansible_become_method={method}", *arguments)
    with Onlooker([PASSWORD]) as onlooker:
        run = ended(project.start(*words, **environment))
    assert [each for each in onlooker.sightings if each.where == "command line"] == []
    return run


def deploy_and_type(project: Project, method: str, typed: str, *arguments: str) -> Run:
    """Do the same at a terminal, where ``typed`` is the answer to the first question."""
    command = ["ansible-playbook", "nix.fleet.deploy", "-l", HOST, "-e", f"ansible_become_method={method}", *arguments]
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(project.root)
        os.execvpe(command[0], command, project.environment)
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


SUDO = "printf 'Defaults lecture=never\\ndeploy ALL=(ALL:ALL) ALL\\n' >/etc/sudoers.d/lab"
DOAS = "echo 'permit deploy' >/etc/doas.conf"
DOAS_ASKS_NOT = "echo 'permit nopass deploy' >/etc/doas.conf"
RUN0 = f"""cat >{RULES} <<'end'
polkit.addRule(function(action, subject) {{
  if (action.id == "org.freedesktop.systemd1.manage-units" && subject.user == "deploy") return polkit.Result.YES;
}});
end
systemctl restart polkit"""


@pytest.fixture(autouse=True)
def _something_new(project: Project) -> None:
    change_everything(project)


def deployed(run: Run) -> None:
    """Check that the server was changed, and that nothing on either side has the password or is left over."""
    assert run.rc == 0, run.output
    assert run.counts(HOST)["changed"] >= 2, run.output
    assert PASSWORD not in run.output
    assert on(HOST, 'grep -rlF -e "$1" /var/log /run/log /var/lib/nix.fleet /tmp 2>/dev/null || :', PASSWORD) == ""
    assert on(HOST, "ls -d /tmp/nix.fleet-* /run/user/*/nix.fleet-* 2>/dev/null || :") == ""


def vault(directory: Path) -> list[str]:
    """Write the password into a file of variables, as a vault holds it, and return the arguments that use it."""
    file = directory / "password"
    file.write_text(PASSWORD)
    variables = directory / "become.yml"
    variables.write_text("ansible_become_password: \"{{ lookup('ansible.builtin.file', '" + str(file) + "') }}\"\n")
    return ["-e", f"@{variables}"]


def test_sudo_with_a_password_from_a_variable(project: Project, tmp_path: Path) -> None:
    on(HOST, SUDO)
    deployed(deploy(project, "sudo", *vault(tmp_path), "-vvvv"))


def test_sudo_with_a_password_that_is_typed(project: Project) -> None:
    on(HOST, SUDO)
    deployed(deploy_and_type(project, "sudo", PASSWORD, "--ask-become-pass"))


def test_doas_without_a_password(project: Project) -> None:
    on(HOST, DOAS_ASKS_NOT)
    deployed(deploy(project, "doas"))


def test_doas_with_a_password(project: Project, tmp_path: Path) -> None:
    on(HOST, DOAS)
    deployed(deploy(project, "doas", *vault(tmp_path), "-vvvv"))


def test_run0_where_polkit_asks_nobody(project: Project) -> None:
    on(HOST, RUN0)
    deployed(deploy(project, "run0", ANSIBLE_SSH_EXTRA_ARGS="-tt"))


@pytest.mark.parametrize(("method", "way"), [("sudo", SUDO), ("doas", DOAS)])
def test_a_wrong_password_fails_the_host_and_leaves_nothing(project: Project, method: str, way: str) -> None:
    on(HOST, way)
    run = deploy(project, method, "-e", "ansible_become_password=wrong")
    assert (run.rc, run.counts(HOST)["failed"]) == (2, 1), run.output
    assert on(HOST, "ls -d /tmp/nix.fleet-* 2>/dev/null || :") == ""
