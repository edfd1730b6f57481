# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A NixOS of small scripts, on which the supervisor ends on the new system or on the recorded one."""

from __future__ import annotations

import itertools
import threading
import time
import typing as t

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.deployment import deploy
from ansible_collections.nix.fleet.plugins.plugin_utils.activation.program import begin_script
from ansible_collections.nix.fleet.plugins.plugin_utils.activation.request import Origin, Request
from ansible_collections.nix.fleet.plugins.plugin_utils.platforms.registry import platforms

from ..machine import Machine

if t.TYPE_CHECKING:
    from ansible_collections.nix.fleet.plugins.plugin_utils.activation.answer import Answer

PROFILE = "/nix/var/nix/profiles/system"
RUNNING = "/run/current-system"
BOOTED = "/boot"
NUMBERS = itertools.count(1)

# What switch-to-configuration does, as far as an activation can tell.
SWITCH = """
self=${0%/bin/switch-to-configuration}
root=@root@
echo "$1 ${self##*-}" >> "$root/calls"
case $1 in
    test)
        TROUBLE
        ln -sfn "$self" "/run/current-system"
        AFTERWARDS
        ;;
    boot) echo "${self##*-}" > "$root/boot" ;;
    dry-activate) echo "would restart web.service" ;;
esac
"""


class NixOS(Machine):
    """A machine with generations of small systems."""

    def system(self, name: str, *, trouble: str = "", afterwards: str = "", **files: str) -> str:
        script = SWITCH.replace("TROUBLE", trouble).replace("AFTERWARDS", afterwards)
        return self.closure(name, bin__switch_to_configuration=script, nixos_version="", **files)

    def install(self, *closures: str) -> None:
        """Have these generations, and run the last of them."""
        for number, closure in enumerate(closures, 1):
            self.link(f"{PROFILE}-{number}-link", closure)
        self.link(PROFILE, f"system-{len(closures)}-link")
        self.link(RUNNING, closures[-1])
        self.path(BOOTED).write_text(closures[-1].rpartition("-")[2] + "\n")

    def deploy(self, closure: str | None = None, **fields: t.Any) -> Answer:
        return deploy(self, self.request(closure, **fields))

    def request(self, closure: str | None = None, **fields: t.Any) -> Request:
        identifier = f"deployment-{next(NUMBERS)}"
        return Request(
            **{
                "id": identifier,
                "platform": platforms()["nixos"],
                "origin": Origin("alice", "laptop"),
                "closure": closure,
                **fields,
            }
        )

    def start(self, request: Request) -> threading.Thread:
        """Begin a deployment in the background, and return once its supervisor has recorded the state."""
        thread = threading.Thread(target=self.run, args=(begin_script(request),))
        thread.start()
        wait_for((self.state / "runs" / request.id / "recorded").exists)
        return thread

    def program(self, request: Request, part: str) -> None:
        """Run a part of the program that a deployment has left on the machine."""
        self.script(str(self.state / "runs" / request.id / "program"), part)

    def supervisor_of(self, request: Request) -> int:
        holder = (self.state / "runs" / request.id / "holder").read_text()
        return int(holder.partition("pid=")[2].split()[0])

    @property
    def boots(self) -> str:
        return self.path(BOOTED).read_text().strip()

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
