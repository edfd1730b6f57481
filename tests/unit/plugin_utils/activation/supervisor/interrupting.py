# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployments that are cut off, killed or stuck, and who of them is still there."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import signal
import typing as t

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.deployment import (
    cancelled,
    confirm_script,
    deploy,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.activation.request import Request
from ansible_collections.nix.fleet.plugins.plugin_utils.platforms.platform import platforms

from .nixos import NixOS, wait_for

# What an activation script does in the middle of which a machine is cut off.
STUCK = 'echo $$ > "$root/step"; [ -e "$root/repaired" ] || sleep 30'
# The same when what runs is the new system already.
STUCK_HALFWAY = f'ln -sfn "$self" "/run/current-system"; {STUCK}'


def rewrite_record(nixos: NixOS, request: Request, **fields: str) -> None:
    """Have ``fields`` in what a deployment has recorded."""
    file = nixos.state / "runs" / request.id / "recorded"
    text = file.read_text()
    for key, value in fields.items():
        text = re.sub(f"(?m)^{key}=.*\n", "", text) + f"{key}={value}\n"
    file.write_text(text)


def cut_down(processes: list[int]) -> None:
    """Kill all of ``processes``, and return once none of them is there: on a busy machine that takes a moment."""
    for process in processes:
        with contextlib.suppress(ProcessLookupError):  # the end of one may be that of another
            os.kill(process, signal.SIGKILL)
    for process in processes:
        wait_for(lambda process=process: is_gone(process))  # type: ignore[misc]


def family(supervisor: int, step: int) -> list[int]:
    """Return the guardian, the supervisor and the step, which a power cut ends all at once."""
    status = pathlib.Path(f"/proc/{supervisor}/stat").read_text()
    guardian = int(status.rpartition(") ")[2].split()[1])
    return [guardian, supervisor, step]


def children_of(process: int) -> list[int]:
    return [int(child) for child in pathlib.Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def blocked_recovery(nixos: NixOS, old: str) -> None:
    """Have the way back to ``old`` wait until it may go on."""
    cut_off(nixos)
    script = nixos.path(f"{old}/bin/switch-to-configuration")
    slow = 'test) until [ -e "$root/go" ]; do sleep 0.05; done; '
    script.write_text(script.read_text().replace("test)", slow))


def step_of(machine: NixOS) -> int:
    """Return the process of the activation, which has written its number to a file."""
    file = machine.path("/step")
    wait_for(lambda: file.exists() and file.read_text().strip().isdigit())
    return int(file.read_text())


def is_gone(process: int) -> bool:
    """Return whether ``process`` has ended, though perhaps nobody has asked it how."""
    try:
        return pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].startswith("Z")
    except OSError:
        return True


def cut_off(nixos: NixOS, slow: Request | None = None, *, trouble: str = STUCK, **fields: t.Any) -> Request:
    """Begin a deployment, and end all that belongs to it in the middle of its activation, as a power cut does."""
    slow = slow or nixos.request(nixos.system("nixos-slow", trouble=trouble), **fields)
    thread = nixos.start(slow)
    cut_down(family(nixos.supervisor_of(slow), step_of(nixos)))
    for pid in followers(nixos):
        with contextlib.suppress(ProcessLookupError):  # it may have been one that only slept a moment
            os.kill(pid, signal.SIGKILL)
    thread.join()
    return slow


def followers(nixos: NixOS) -> list[int]:
    """Return the shells that wait on this machine for the end of a deployment."""
    return [int(cwd.parent.name) for cwd in pathlib.Path("/proc").glob("[0-9]*/cwd") if leads_to(cwd, nixos.root)]


def leads_to(link: pathlib.Path, target: pathlib.Path) -> bool:
    """Return whether ``link`` is one to ``target``; that of a process may be gone by now."""
    try:
        return link.readlink() == target
    except OSError:
        return False


def boot_of_now() -> str:
    return pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def own_name() -> str:
    """Return the name by which the programs know this process."""
    start = pathlib.Path("/proc/self/stat").read_text().rpartition(") ")[2].split()[19]
    return f"{os.getpid()} {start} {boot_of_now()}"


HALFWAY = 'ln -sfn "$self" "/run/current-system"; exit 2'


def guard_of(nixos: NixOS, request: Request) -> int:
    """Return the process that tries again."""
    return int((nixos.state / "runs" / request.id / "worker").readlink().as_posix().split()[0])


OTHER = "/nix/var/nix/profiles/other"


def awaiting(nixos: NixOS, closure: str | None = None, **fields: t.Any) -> Request:
    """Deploy what then awaits its confirmation, for longer than any test takes."""
    closure = closure or nixos.system("nixos-unconfirmed")
    request = nixos.request(closure, **{"confirm_timeout": 1000, **fields})
    assert deploy(nixos, request).outcome == "awaiting"
    return request


def not_back(nixos: NixOS) -> Request:
    """Deploy what nobody confirms and what cannot be gone back from."""
    request = awaiting(nixos)
    nixos.run(confirm_script(request.id, cancelled("not wanted"), 0))
    wait_for(lambda: [entry["outcome"] for entry in nixos.journal] == ["rollback_failed"])
    return request


def custom(nixos: NixOS, closure: str, **fields: t.Any) -> Request:
    return nixos.request(closure, platform=platforms()["custom"], profile=OTHER, program="bin/activate", **fields)


STATE = "/var/lib/nix.fleet"


LIVE = "/run/nix.fleet"


EMPTY = f'rm -f "{STATE}"/runs/*/program "{STATE}"/runs/*/recorded "{LIVE}"/deployment-*'
