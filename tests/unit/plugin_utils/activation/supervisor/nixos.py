# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A NixOS of small scripts, on which the supervisor ends on the new system or on the recorded one."""

from __future__ import annotations

import itertools
import os
import pathlib
import re
import threading
import time
import typing as t

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.deployment import deploy
from ansible_collections.nix.fleet.plugins.plugin_utils.activation.request import Origin, Request, begin_script
from ansible_collections.nix.fleet.plugins.plugin_utils.platforms.platform import platforms

from ..machine import Machine

if t.TYPE_CHECKING:
    from ansible_collections.nix.fleet.plugins.plugin_utils.activation.answer import Answer

PROFILE = "/nix/var/nix/profiles/system"
RUNNING = "/run/current-system"
LOADER = "/boot/loader"
NUMBERS = itertools.count(1)

# What switch-to-configuration does, as far as an activation can tell.
SWITCH = """
self=${0%/bin/switch-to-configuration}
root=@root@
[ "$1" = check ] || echo "$1 ${self##*-}" >> "$root/calls"
case $1 in
    test)
        TROUBLE
        ln -sfn "$self" "/run/current-system"
        AFTERWARDS
        ;;
    boot)
        LOADING
        mkdir -p "/boot/loader/entries"
        echo "options init=$self/init quiet" > "/boot/loader/entries/nixos-${self##*-}.conf"
        echo "default nixos-${self##*-}.conf" > "/boot/loader/loader.conf"
        ;;
    check)
        CHECK
        ;;
    dry-activate) echo "would restart web.service" ;;
esac
"""


class NixOS(Machine):
    """A machine with generations of small systems."""

    def here(self, text: str) -> str:
        for place in ("nixos_etc=/etc", "nixos_users=/var/lib/nixos", "nixos_mounts=/proc/mounts"):
            text = text.replace(place, place.replace("=", "=@root@"))
        return super().here(text)

    def system(
        self,
        name: str,
        *,
        trouble: str = ":",
        afterwards: str = ":",
        loading: str = ":",
        check: str = ":",
        **files: str,
    ) -> str:
        parts = {"TROUBLE": trouble, "AFTERWARDS": afterwards, "LOADING": loading, "CHECK": check}
        script = re.sub(r"\b(?:TROUBLE|AFTERWARDS|LOADING|CHECK)\b", lambda found: parts[found.group()], SWITCH)
        return self.closure(name, bin__switch_to_configuration=script, nixos_version="", **files)

    def install(self, *closures: str) -> None:
        """Have these generations, and run the last of them."""
        for number, closure in enumerate(closures, 1):
            self.link(f"{PROFILE}-{number}-link", closure)
        self.link(PROFILE, f"system-{len(closures)}-link")
        self.link(RUNNING, closures[-1])
        self.load(closures[-1])

    def load(self, closure: str) -> None:
        """Have the boot loader come up with a closure."""
        name = f"nixos-{closure.rpartition('-')[2]}.conf"
        self.path(f"{LOADER}/entries").mkdir(parents=True, exist_ok=True)
        self.path(f"{LOADER}/entries/{name}").write_text(f"options init={self.here(closure)}/init quiet\n")
        self.path(f"{LOADER}/loader.conf").write_text(f"timeout 5\ndefault {name}\n")

    def deploy(self, closure: str | None = None, **fields: t.Any) -> Answer:
        return deploy(self, self.request(closure, **fields))

    def request(self, closure: str | None = None, **fields: t.Any) -> Request:
        # Of this process alone: what a killed supervisor leaves behind is found by it, among all of the machine's processes.
        identifier = f"deployment-{os.getpid()}-{next(NUMBERS)}"
        return Request(
            **{
                "id": identifier,
                "platform": platforms()["nixos"],
                "origin": Origin("alice", "laptop"),
                "closure": closure,
                **fields,
            }
        )

    def hurry(self) -> None:
        """Have all whole seconds that the programs sleep pass in a fifth of one."""
        self.replace_tool("sleep", 'case $1 in 0.*) exec {sleep} "$1" ;; *) exec {sleep} 0.2 ;; esac')

    def start(self, request: Request) -> threading.Thread:
        """Begin a deployment in the background, and return once its supervisor has recorded the state."""
        thread = threading.Thread(target=self.run, args=(begin_script(request),))
        thread.start()
        wait_for((self.state / "runs" / request.id / "recorded").exists)
        return thread

    def deploying(self, request: Request) -> threading.Thread:
        """Deploy in the background."""
        thread = threading.Thread(target=deploy, args=(self, request), daemon=True)
        thread.start()
        return thread

    def program(self, left: Request | pathlib.Path, part: str) -> None:
        """Run a part of the program that a deployment has left on the machine, or of a copy of it."""
        program = left if isinstance(left, pathlib.Path) else self.state / "runs" / left.id / "program"
        self.script(
            "-c", f'NIX_FLEET_PROGRAM=$(cat {program}); export NIX_FLEET_PROGRAM; eval "$NIX_FLEET_PROGRAM"', "x", part
        )

    def supervisor_of(self, request: Request) -> int:
        """Return the process that does the work; before anything is touched, the one that is about to start it."""
        run = self.state / "runs" / request.id
        first = int((run / "worker").readlink().as_posix().split()[0])
        if not (run / "recorded").exists():
            return first
        wait_for(lambda: self.holder(request) not in (None, first))
        return self.worker_of(request)

    def worker_of(self, request: Request) -> int:
        """Return the process that the lock names, which there is."""
        worker = self.holder(request)
        assert worker, "nobody holds the lock"
        return worker

    def holder(self, request: Request) -> int | None:
        """Return the process that the lock of a deployment names."""
        lock = self.live / "lock"
        record = lock.readlink().as_posix() if lock.is_symlink() else ""
        return int(record.partition("pid=")[2].split()[0]) if f"id={request.id}\n" in record else None

    @property
    def boots(self) -> str:
        file = self.path(f"{LOADER}/loader.conf")
        text = file.read_text() if file.exists() else ""
        return text.rpartition("default nixos-")[2].strip().removesuffix(".conf")

    @property
    def whole_as(self) -> tuple[str | None, str | None, str]:
        """What runs, what the profile stands at and what the machine boots."""
        running, default = self.standing(RUNNING), self.standing(PROFILE)
        return (running, default, self.boots)


def wait_for(condition: t.Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def whole(closure: str) -> tuple[str, str, str]:
    return (closure, closure, closure.rpartition("-")[2])
