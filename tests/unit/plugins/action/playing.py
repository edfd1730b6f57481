# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A play with one task, whose action is run against a machine that answers as a test says."""

from __future__ import annotations

import re
import typing as t

from ansible.errors import AnsibleConnectionFailure
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.block import Block
from ansible.playbook.play import Play
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.plugins.connection import ConnectionBase
from ansible.template import Templar

HOST = "vps"


class Machine:
    """A machine that answers every script with ``answers``, one after the other; the last one stands for all that follow.

    None is a machine that cannot be reached, and a text that begins with ``...`` an answer that breaks off.
    """

    def __init__(self, *answers: str | None) -> None:
        self.answers = list(answers)
        self.scripts: list[str] = []

    def answer(self, script: str) -> str | None:
        self.scripts.append(script)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Connection(ConnectionBase):
    transport = "of a test"
    # Ansible-core 2.16 looks up options by it.
    _load_name = "of_a_test"
    has_pipelining = True

    def __init__(self, machine: Machine) -> None:
        super().__init__(PlayContext(), None)
        self._shell.set_options()
        self.machine = machine

    def _connect(self) -> Connection:
        return self

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        framed = (in_data or b"").decode()
        (marker,) = set(re.findall(r"shell_begin (nix[.]fleet-[0-9a-f]+)\n", framed))
        script = framed.partition(f"shell_begin {marker}\n")[2].rpartition("\n)")[0]
        answer = self.machine.answer(script)
        if answer is None:
            raise AnsibleConnectionFailure("no route to host")
        end = "" if answer.startswith("...") else f"\n{marker} end 0\n"
        return 0, f"\n{marker} begin\n{answer}{end}".encode(), b""

    def put_file(self, in_path: str, out_path: str) -> t.NoReturn:
        raise NotImplementedError

    def fetch_file(self, in_path: str, out_path: str) -> t.NoReturn:
        raise NotImplementedError

    def close(self) -> None:
        self._connected = False


def played(
    action: type[t.Any],
    options: dict[str, t.Any],
    machine: Machine,
    *,
    check: bool = False,
    diff: bool = False,
    strategy: str = "host_pinned",
    **variables: t.Any,
) -> dict[str, t.Any]:
    """Return what a task with ``options`` returns for one of two hosts of a play."""
    loader = DataLoader()
    name = f"nix.fleet.{action.__module__.rpartition('.')[2]}"
    play = Play.load({"hosts": "all", "gather_facts": False, "strategy": strategy}, loader=loader)
    task = Task(block=Block(play=play))
    task.action, task.args = name, options
    task.check_mode, task.diff = check, diff
    known = {
        "inventory_hostname": HOST,
        "ansible_play_batch": [HOST, "web"],
        "ansible_play_hosts_all": [HOST, "web"],
        "hostvars": {HOST: {}, "web": {}, "localhost": {}},
        **variables,
    }
    done = action(
        task=task,
        connection=Connection(machine),
        play_context=PlayContext(),
        loader=loader,
        templar=Templar(loader, variables=known),
        shared_loader_obj=None,
    )
    return dict(done.run(task_vars=known))
