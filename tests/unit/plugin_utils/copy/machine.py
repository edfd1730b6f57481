# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine for tests: a POSIX sh on this one, with programs of the test's choice first on its PATH."""

from __future__ import annotations

import os
import pathlib
import subprocess
from collections.abc import Mapping

from ansible_collections.nix.fleet.plugins.plugin_utils.core.process import Completed

# `nix-store` of a store that has the paths which are listed in a file; links as `--realise PATH --add-root LINK` does.
STORE = """
case $1 in
  --check-validity)
    shift 2
    for path in "$@"; do grep -qxF "$path" "${FLEET:-$HOME}/valid" || echo "$path"; done ;;
  --realise)
    shift
    number=
    while [ "$1" != --add-root ]; do
      grep -qxF "$1" "${FLEET:-$HOME}/valid" || exit 1
      number=$((number + 1)) paths="$paths $1"
      shift
    done
    number=
    for path in $paths; do
      number=$((number + 1))
      if [ "$number" = 1 ]; then ln -sfn "$path" "$2"; else ln -sfn "$path" "$2-$number"; fi
    done ;;
esac
"""


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
