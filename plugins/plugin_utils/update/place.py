# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the lock file of a flake is, and the repository that it is in."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import shlex
import typing as t

from ..core.errors import UpdateError
from .repository import Repository

if t.TYPE_CHECKING:
    from ..nix.machine import Machine

LOCK = "flake.lock"
CHANGED_MEANWHILE = 75
# In one step, so that nobody ever reads half a file, and not over what somebody else has written meanwhile.
REPLACE = f"""
lock=$1 expected=$2 new=$3
if [ -e "$lock" ]; then cmp -s -- "$lock" "$expected" || exit {CHANGED_MEANWHILE}
elif [ -s "$expected" ]; then exit {CHANGED_MEANWHILE}; fi
if [ -e "$lock" ]; then cp -p -- "$lock" "$lock.nix-fleet.$$"; fi
cat -- "$new" >"$lock.nix-fleet.$$" && mv -f -- "$lock.nix-fleet.$$" "$lock" && exit
rm -f -- "$lock.nix-fleet.$$"
exit 1
"""
# Of any length: a lock file can be longer than an argument may be.
WRITE = 'printf %s "$1" | base64 -d | gzip -d >"$2"'


@dataclasses.dataclass(frozen=True)
class Place:
    """The directory of a flake on a machine."""

    machine: Machine
    directory: str

    @property
    def lock(self) -> str:
        """The path of the lock file."""
        return f"{self.directory}/{LOCK}"

    @property
    def repository(self) -> Repository:
        """The repository that the flake is in, if it is in one."""
        return Repository(self.machine, self.directory)

    def read(self) -> str:
        """Return the lock file's text, which is empty where there is none."""
        if not self.machine.existing([f"{self.directory}/flake.nix"]):
            raise UpdateError(
                f"there is no flake.nix in {self.directory} of {self.machine.name}",
                advice="name the directory of the flake; only a flake in a directory can be updated",
            )
        if not self.machine.existing([self.lock]):
            return ""
        return self.printed("cat", "--", self.lock)

    def committed(self) -> str:
        """Return the lock file's text as of the last commit."""
        shown = self.repository.run("show", f"HEAD:./{LOCK}")
        return shown.stdout if shown.ok else ""

    def replace(self, expected: str, new: str) -> None:
        """Put the file ``new`` in the lock file's place, if that is still what the file ``expected`` has."""
        done = self.machine.run(["sh", "-c", REPLACE, "sh", self.lock, expected, new])
        if done.rc == CHANGED_MEANWHILE:
            raise UpdateError(
                f"{self.lock} was changed by somebody else meanwhile, and was left as it is now",
                advice="run again, which begins with what is there now",
            )
        if not done.ok:
            raise UpdateError(
                f"{self.lock} cannot be written", log=done.stderr, advice="see that the directory can be written to"
            )

    def withdraw(self, ours: str) -> None:
        """Remove the lock file from directory and index, if it is still what the file ``ours`` has."""
        self.repository.run("reset", "--quiet", "--", LOCK)
        self.machine.run(["sh", "-c", 'cmp -s -- "$1" "$2" && rm -f -- "$1"', "sh", self.lock, ours])

    def temporary(self) -> str:
        """Make a directory that only this user can read, and return its path."""
        return self.printed("mktemp", "-d").strip()

    def remove(self, directory: str) -> None:
        """Remove such a directory."""
        self.machine.run(["rm", "-rf", "--", directory])

    def write(self, text: str, path: str) -> None:
        """Write a text to a file."""
        data = base64.b64encode(gzip.compress(text.encode())).decode()
        done = self.machine.run(["sh", "-c", WRITE, "sh", data, path])
        if not done.ok:
            raise UpdateError(f"{path} cannot be written on {self.machine.name}", log=done.stderr)

    def printed(self, *argv: str) -> str:
        """Return what a command prints; one that fails is an error."""
        done = self.machine.run(argv)
        if not done.ok:
            raise UpdateError(f"{shlex.join(argv)} failed on {self.machine.name}", command=argv, log=done.stderr)
        return done.stdout
