# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every action of the collection shares: the one place that talks to Ansible."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..errors import NixError
from .plain import plain
from .shell import ConnectionShell

display = Display()


class NixAction(ActionBase):
    """An action: options in, one call into the program, result out.

    A subclass names its ``argument_spec`` and writes ``perform``. Whatever it raises as ``NixError`` becomes the
    failure of this host, with every field of the error in the result.
    """

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    argument_spec: t.ClassVar[dict[str, t.Any]]
    constraints: t.ClassVar[dict[str, t.Any]] = {}

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Validate the task's options and perform it."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        self.variables: dict[str, t.Any] = task_vars or {}
        _validation, options = self.validate_argument_spec(argument_spec=self.argument_spec, **self.constraints)
        try:
            result.update(self._perform(plain(options)))
        except NixError as error:
            error.host = error.host or self.host
            # Returned, not raised: ansible-core 2.19 and later print an exception, and then the result that says the same.
            result.update({"changed": False, **error.to_result(), "failed": True, "msg": error.headline})
        return result

    def _perform(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        try:
            return self.perform(options)
        except AnsibleConnectionFailure as error:
            if self.host == self.play_host:
                raise
            # Ansible would call the play host unreachable, which nobody has tried to reach.
            known = self.host in self.variables.get("hostvars", {})
            raise NixError(
                f"{self.host}, which this task of {self.play_host} is delegated to, cannot be reached: {error}",
                advice=f"see that {self.host} is up, or delegate to another machine (deploy_build_on)"
                if known
                else f"{self.host} is not in the inventory: check the name (deploy_build_on, delegate_to)",
            ) from error

    def perform(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """Do the work and return the result's fields, ``changed`` among them."""
        raise NotImplementedError

    @property
    def play_host(self) -> str:
        """The inventory host that the task is for."""
        return str(self.variables.get("inventory_hostname", "localhost"))

    @property
    def host(self) -> str:
        """The inventory host that the task runs on: the play host, or the one it is delegated to."""
        return str(self._task.delegate_to or self.play_host)

    @property
    def on_controller(self) -> bool:
        """Whether the task runs on the controller as the user who runs Ansible."""
        return self._connection.transport == "local" and not self.escalates

    @property
    def environment(self) -> dict[str, str]:
        """The task's `environment`, which Ansible gives to what it runs over a connection, and we to what we run here."""
        given: dict[str, t.Any] = {}
        self._compute_environment_string(given)
        return {name: str(value) for name, value in plain(given).items()}

    @property
    def check_mode(self) -> bool:
        """Whether nothing may be changed."""
        return bool(self._task.check_mode)

    @property
    def diff_mode(self) -> bool:
        """Whether changes are to be shown."""
        return bool(self._task.diff)

    @property
    def shell(self) -> ConnectionShell:
        """The shell of the machine that the task runs on, as the user that it escalates to."""
        become = self._connection.become
        # Absent before ansible-core 2.17, where every method but su could.
        if become is not None and not getattr(become, "pipelining", become.name != "su"):
            raise NixError(
                f"become method {become.name} cannot hand a script to the user it becomes",
                host=self.host,
                advice="use a method that supports pipelining, such as sudo, doas or run0 (ansible_become_method)",
            )
        return self._shell(escalate=True)

    @property
    def login_shell(self) -> ConnectionShell:
        """The same machine's shell as the user who logs in, without escalation."""
        return self._shell(escalate=False)

    def announce(self, text: str) -> None:
        """Print one line about this host on the terminal."""
        display.display(f"{self.play_host}: {text}")

    @property
    def escalates(self) -> bool:
        """Whether the task runs as another user than the one who logs in."""
        return bool(self._connection.become)

    def _shell(self, *, escalate: bool) -> ConnectionShell:
        def execute(command: str, data: bytes) -> dict[str, t.Any]:
            return dict(self._low_level_execute_command(command, sudoable=escalate, in_data=data))

        return ConnectionShell(self.host, execute, self._compute_environment_string().strip())
