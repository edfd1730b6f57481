# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Single modules, run on hosts of a fleet by `ansible`."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import time
import typing as t
from collections.abc import Mapping

from .project import Project

Result = dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Fleet:
    """A project whose hosts can be told to run a module, in an environment with more variables than the usual."""

    project: Project
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def within(self, environment: Mapping[str, str]) -> Fleet:
        """Return the same in another environment."""
        return dataclasses.replace(self, environment=environment)

    def ask(self, host: str, module: str, *flags: str, **options: t.Any) -> Result:
        """Run a module on a host, or the controller, and return its result, whether it failed and what was printed."""
        (result,) = self.tell(host, module, json.dumps(options), *flags).values()
        return result

    def tell(self, hosts: str, module: str, arguments: str, *flags: str) -> dict[str, Result]:
        """Run a module with ``arguments`` as they are typed, and return the same of each host."""
        tree = self.project.root / f"results-{time.monotonic_ns()}"
        command = ["ansible", hosts, "--tree", str(tree), "-m", f"nix.fleet.{module}", "-a", arguments, *flags]
        done = subprocess.run(
            command,
            cwd=self.project.root,
            env={**self.project.environment, **self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        printed = done.stdout + done.stderr
        results: dict[str, Result] = {host: {} for host in re.findall(r"^(\S+) \| SKIPPED", printed, re.MULTILINE)}
        if tree.exists():
            results |= {file.name: json.loads(file.read_text()) for file in tree.iterdir()}
        assert results, printed
        # What Ansible itself makes known it takes out of the file.
        return {
            host: {**result, "failed": f"{host} | FAILED! =>" in printed, "printed": printed}
            for host, result in results.items()
        }
