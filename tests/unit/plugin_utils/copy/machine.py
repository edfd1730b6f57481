# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine for tests: a POSIX sh on this one, with programs of the test's choice first on its PATH."""

from __future__ import annotations

import os
import pathlib
import subprocess
import typing as t

from ansible_collections.nix.fleet.plugins.plugin_utils.core.process import Completed

if t.TYPE_CHECKING:
    from collections.abc import Mapping


class Machine:
    """Runs scripts as ``Shell`` does, and counts the round trips."""

    host = "vps-1"

    def __init__(self, directory: pathlib.Path, shell: str = "sh") -> None:
        self.programs = directory / "bin"
        self.programs.mkdir()
        self.home = directory / "home"
        self.home.mkdir()
        self.trips = 0
        self._shell = shell

    def install(self, programs: Mapping[str, str]) -> None:
        """Put scripts on PATH."""
        for name, text in programs.items():
            (self.programs / name).write_text(f"#!/bin/sh\n{text}")
            (self.programs / name).chmod(0o755)

    def run(self, script: str, *arguments: str) -> Completed:
        """See ``Shell.run``."""
        self.trips += 1
        argv = [*self._shell.split(), "-s", "--", *arguments]
        # Without a Nix of this machine's own, which the test's programs stand in for.
        path = f"{self.programs}:/usr/bin:/bin"
        environment = {**os.environ, "PATH": path, "HOME": str(self.home), "XDG_STATE_HOME": str(self.home / "state")}
        done = subprocess.run(
            argv, input=f"({script})\n", capture_output=True, text=True, env=environment, check=False, timeout=60
        )
        return Completed(tuple(argv), done.returncode, done.stdout, done.stderr)
