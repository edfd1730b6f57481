# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Closures to copy to a single host, and the ways of copying them."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

from .ground import ROOMY, ROOT
from .record import Command, Measured, Way

if t.TYPE_CHECKING:
    from .ground import Ground
    from .measure import Run

HERE = Path(__file__).parent
MEGABYTE = 1_000_000


def closure(ground: Ground, paths: int, megabytes: int, change: str = "") -> str:
    """Return a closure of so many paths in this machine's store, built when there is none yet."""
    numbers = {"paths": paths, "size": megabytes * MEGABYTE // paths}
    texts = {"seed": ground.work.name, "change": change}
    return ground.output(
        "nix-build",
        *("--no-out-link", str(HERE / "nix/closure.nix")),
        *(word for name, value in numbers.items() for word in ("--arg", name, str(value))),
        *(word for name, value in texts.items() for word in ("--argstr", name, value)),
    ).strip()


def with_delay(ground: Ground, milliseconds: int) -> None:
    """Have the roomy host up, a round trip of so many milliseconds away."""
    up(ground)
    ground.lab("delay", ROOMY, f"{milliseconds}ms")


def up(ground: Ground) -> None:
    """Have the roomy host up, and an inventory of it."""
    ground.lab("up", ROOMY)
    inventory = json.loads(ground.lab("inventory", ROOMY, "--format", "json"))
    variables = {**inventory["lab"]["vars"], "ansible_control_path_dir": str(ground.work / "cp")}
    hosts = inventory["_meta"]["hostvars"]
    (ground.work / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts, "vars": variables}}))


def without_delay(ground: Ground) -> None:
    """Make the line a good one again."""
    ground.lab("heal", ROOMY)


def by_us(ground: Ground, path: str, **options: t.Any) -> Command:
    """Return the command that copies a closure with one task, which has further ``options``."""
    return ground.command(
        *("ansible", ROOMY, "-i", str(ground.work / "hosts.json"), "-m", "nix.fleet.nix_copy_closure"),
        *("-a", json.dumps({"paths": [path], **options})),
        ANSIBLE_CONFIG=str(ROOT / "ansible.cfg"),
        ANSIBLE_INVENTORY_ENABLED="yaml",
        ANSIBLE_CALLBACK_PLUGINS=str(HERE / "callbacks"),
        ANSIBLE_CALLBACKS_ENABLED="stopwatch",
        BENCH_STOPWATCH=str(ground.work / "stopwatch"),
    )


def by_nix(protocol: str, ground: Ground, path: str, parameters: str = "") -> Command:
    """Return the command that copies a closure by one of Nix's own protocols."""
    return ground.command("nix", "copy", "--no-check-sigs", "--to", f"{protocol}://{ROOMY}{parameters}", path)


def arrived(ground: Ground, path: str) -> None:
    """Raise when the closure has not arrived."""
    script = f"PATH=$PATH:/opt/nix/bin; nix-store --check-validity {path}"
    ground.lab("exec", ROOMY, "--", "/bin/sh", "-c", script)


def of_task(path: t.Callable[[Ground, int], str]) -> t.Callable[[Ground, int, Run], Measured]:
    """Return what reads off how long our task took to bring what ``path`` names."""

    def read(ground: Ground, point: int, _run: Run) -> Measured:
        arrived(ground, path(ground, point))
        return {"copy_seconds": float((ground.work / "stopwatch").read_text())}

    return read


def of_command(path: t.Callable[[Ground, int], str]) -> t.Callable[[Ground, int, Run], Measured]:
    """Return what reads off the same of a command that does nothing else."""

    def read(ground: Ground, point: int, run: Run) -> Measured:
        arrived(ground, path(ground, point))
        return {"copy_seconds": run.measured["seconds"]}

    return read


def ways(
    path: t.Callable[[Ground, int], str], before: t.Callable[[Ground, int], None], *, legacy_up_to: int | None = None
) -> tuple[Way, ...]:
    """Return the ways to copy the closure that ``path`` names; the older protocol only as long as one can wait for it."""

    def nix(protocol: str) -> t.Callable[[Ground, int], Command]:
        return lambda ground, point: by_nix(protocol, ground, path(ground, point))

    return (
        Way("nix.fleet", "us", lambda ground, point: by_us(ground, path(ground, point)), before, of_task(path)),
        Way("nix copy ssh-ng://", "bare", nix("ssh-ng"), before, of_command(path)),
        Way("nix copy ssh://", "bare", nix("ssh"), before, of_command(path), up_to=legacy_up_to),
    )
