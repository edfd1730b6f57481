# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fault can act on while its row is played: the machine, its line, the run."""

from __future__ import annotations

import contextlib
import json
import secrets
import time
import typing as t

from .deployment import Deployment, Ended
from .fleet import Machine

if t.TYPE_CHECKING:
    from pathlib import Path

    from .fleet import CurrentState
    from .project import Project
    from .row import Row


class Scene:
    """One row under way."""

    run: Deployment
    # What the machine runs before the deployment.
    old: CurrentState

    def __init__(self, row: Row, machine: Machine, project: Project, directory: Path) -> None:
        self.row = row
        self.machine = machine
        self.project = project
        self.directory = directory
        self.token = secrets.token_hex(6)
        self.seen: list[str] = []
        self.wrong: list[str] = []
        self.old_units = ""
        self._known = {entry["id"] for entry in machine.journal()}

    @property
    def gate(self) -> str:
        """Where the configuration's gate is, on whichever machine."""
        return f"/tmp/faults-{self.token}"

    def lab(self, *arguments: str) -> str:
        """Give the rehearsal fleet an order."""
        return self.machine.lab(*arguments)

    def configure(self, *modules: str) -> None:
        """Make the configuration that is deployed: this row's, told by its token from any other."""
        mark = "{ %s }" % (self.machine.kind.module % self.token)
        self.project.configure(mark, *(self.filled(module) for module in modules))

    def filled(self, text: str) -> str:
        """Put into a text what only this row knows."""
        for name, value in {"gate": self.gate, "directory": str(self.directory), "token": self.token}.items():
            text = text.replace("{%s}" % name, value)  # noqa: UP031
        return text

    def deploy(self, *, hold: str | None = None, **variables: t.Any) -> Deployment:
        """Start a deployment."""
        arguments = ["-l", self.machine.name, "-e", json.dumps(variables)]
        return Deployment(self.project.root, self.directory, arguments, hold)

    def deploy_besides(self, **variables: t.Any) -> Ended:
        """Deploy once more while the first deployment is under way, and wait for that."""
        aside = self.directory / "aside"
        aside.mkdir(exist_ok=True)
        arguments = ["-l", self.machine.name, "-e", json.dumps(variables)]
        return Deployment(self.project.root, aside, arguments, None).ended()

    # The gate of a configuration on the target.

    def open_gate(self) -> None:
        """Let go what waits at the target's gate. Done from outside: the machine may be frozen."""
        with contextlib.suppress(FileNotFoundError):
            (self.machine.path(self.gate) / "go").touch()

    def make_gate(self) -> None:
        """Have the target's gate wait. It is in memory: a machine that boots again waits for nothing."""
        self.machine.path(self.gate).mkdir(mode=0o777)
        self.machine.path(self.gate).chmod(0o777)

    def stand_on(self, *modules: str) -> None:
        """Have the machine run another system than this row's, to which it goes back."""
        other = Scene(self.row, self.machine, self.project, self.directory)
        other.configure(*modules)
        ended = other.deploy().ended()
        assert ended.rc == 0, ended.output
        self._known = {entry["id"] for entry in self.machine.journal()}
        self.configure(self.row.moment.module, self.row.fault.module)

    def wait_at_gate(self) -> None:
        """Wait until the target has come to its gate."""
        self.run.wait_until((self.machine.path(self.gate) / "reached").exists, "an activation under way")

    def wait_until(self, condition: t.Callable[[], bool], what: str, seconds: float = 30) -> None:
        """Wait until something comes true, whether the run goes on or not."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"after {seconds} s there was not {what}"
            time.sleep(0.05)

    @property
    def builder(self) -> Machine | None:
        """The machine that builds, when it is neither the controller nor the target."""
        name = self.row.builder
        return Machine(self.machine.lab, name) if name else None

    def wait_until_quiet(self) -> None:
        """Wait until no deployment is at work on the machine any more: one whose controller is gone ends by itself."""
        self.wait_until(lambda: not self.machine.deploying(), "an end of the deployment on the machine", 120)

    def outcome(self, ended: Ended) -> str | None:
        """Return how the deployment came out: as its task was told, or as the machine remembers it when none was."""
        told = ended.outcome(self.machine.name)
        if told is not None:
            return told
        new = self.remembered()
        return str(new[-1]["outcome"]) if new else None

    def remembered(self) -> list[dict[str, t.Any]]:
        """Return the deployments of this row that have ended, as the machine's journal has them."""
        return [entry for entry in self.machine.journal() if entry["id"] not in self._known]

    def wait_for_confirmation_awaited(self) -> None:
        """Wait until the machine runs the new system and waits for somebody to confirm it."""
        self.run.wait_until(lambda: self.machine.lock().get("phase") == "awaiting", "a wait for a confirmation")

    def copied(self) -> str:
        """Return the closure that has been copied to the machine last."""
        roots = self.machine.path(f"{self.machine.kind.state}/gcroots/copied").glob("*/1")
        return str(max(roots, key=lambda root: root.lstat().st_mtime).readlink())
