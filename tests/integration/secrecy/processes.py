# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every process of this machine and of the hosts, which are namespaces on it, looked at again and again."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Sequence
from pathlib import Path

PAUSE_SECONDS = 0.02


@dataclasses.dataclass(frozen=True)
class Sighting:
    """A secret where it was seen: the command line, or one variable of the environment."""

    secret: str
    where: str
    command: str


class Onlooker:
    """Looks at all processes while a block runs, as any user of a machine may, and as root may."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self.sightings: set[Sighting] = set()
        self.processes = 0
        self._secrets = secrets
        self._seen: set[tuple[str, bytes]] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Onlooker:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(PAUSE_SECONDS):
            for process in Path("/proc").glob("[0-9]*"):
                self._look_at(process)

    def _look_at(self, process: Path) -> None:
        try:
            command = (process / "cmdline").read_bytes()
            # A shell that a script has been handed to becomes another program under the same number.
            if (process.name, command) in self._seen:
                return
            self._seen.add((process.name, command))
            environment = (process / "environ").read_bytes()
        except OSError:
            return
        self.processes += 1
        shown = command.replace(b"\0", b" ").decode(errors="replace")
        for secret in self._secrets:
            if secret.encode() in command:
                self.sightings.add(Sighting(secret, "command line", shown))
            for variable in environment.split(b"\0"):
                if secret.encode() in variable:
                    self.sightings.add(Sighting(secret, variable.partition(b"=")[0].decode(errors="replace"), shown))
