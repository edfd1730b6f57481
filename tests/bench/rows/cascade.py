# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copying to many hosts what is mostly the same, over a line of the controller's that all of them share."""

from __future__ import annotations

import functools
import json
import typing as t
from pathlib import Path

from ..ground import ROOT
from ..measure import BenchError
from ..record import Bar, Command, Measured, Row, Way

if t.TYPE_CHECKING:
    from ..ground import Ground
    from ..measure import Run

CLOSURES = Path(__file__).parents[1] / "nix/shared.nix"
SHARED, OWN, SIZE = 90, 10, 200_000
# What the controller sends to all hosts together, what a host gets from it, and what hosts send and get among each other.
RATE = "32mbit"
BY_HAND = """
copy() { nix copy --no-check-sigs --to "ssh-ng://$1" "$2"; }
while read -r host path; do copy "$host" "$path" & done
wait
"""


@functools.lru_cache
def closures(ground: Ground, hosts: int) -> dict[str, str]:
    """Return the closure of each host, built when there is none yet."""
    numbers = {"hosts": hosts, "shared": SHARED, "own": OWN, "size": SIZE}
    built = ground.output(
        *("nix-build", "--no-out-link", str(CLOSURES), "--argstr", "seed", ground.work.name),
        *(word for name, value in numbers.items() for word in ("--arg", name, str(value))),
    )
    return dict(zip(ground.names(hosts), built.split(), strict=True))


def anew(ground: Ground, hosts: int) -> None:
    """Have hosts that lack everything, behind slow lines."""
    closures(ground, hosts)
    ground.up_anew(hosts)
    names = ground.names(hosts)
    ground.lab("network", *names, "--rate", RATE)
    ground.lab("throttle", *names, RATE)
    ground.lab("uplink", RATE)
    inventory = json.loads(ground.lab("inventory", *names, "--format", "json"))
    known = {
        name: {**variables, "closure": closures(ground, hosts)[name]}
        for name, variables in inventory["_meta"]["hostvars"].items()
    }
    variables = {**inventory["lab"]["vars"], "ansible_control_path_dir": str(ground.work / "cp")}
    (ground.work / "cascade.json").write_text(json.dumps({"all": {"hosts": known, "vars": variables}}))


def by_us(topology: str, *, compression: bool) -> t.Callable[[Ground, int], Command]:
    """Return the command that copies to all hosts with one task."""
    options = {"paths": ["{{ closure }}"], "topology": topology, "compression": compression}

    def command(ground: Ground, _hosts: int) -> Command:
        return ground.command(
            *("ansible", "all", "-i", str(ground.work / "cascade.json"), "-f", "50"),
            *("-m", "nix.fleet.nix_copy_closure"),
            *("-a", json.dumps(options)),
            ANSIBLE_CONFIG=str(ROOT / "ansible.cfg"),
            ANSIBLE_INVENTORY_ENABLED="yaml",
        )

    return command


def by_hand(ground: Ground, hosts: int) -> Command:
    """Return the command that copies to all hosts at once with `nix copy`."""
    lines = "".join(f"{host} {path}\n" for host, path in closures(ground, hosts).items())
    (ground.work / "copies").write_text(lines)
    return ground.command("sh", "-euc", f"exec <{ground.work}/copies\n{BY_HAND}")


def union(ground: Ground, hosts: int) -> Command:
    """Return the command that copies all closures to a single host: each path leaves the controller once."""
    everything = closures(ground, hosts).values()
    return ground.command("nix", "copy", "--no-check-sigs", "--to", f"ssh-ng://{ground.names(1)[0]}", *everything)


def arrived(ground: Ground, hosts: int, _run: Run) -> Measured:
    """Raise when a closure has not arrived."""
    for host, path in closures(ground, hosts).items():
        if not (ground.root_of(host) / path.lstrip("/")).exists():
            raise BenchError(f"{host} lacks {path}")
    return {}


ROWS = (
    Row(
        name="cascade",
        what="copy 101 paths, 20 MB, 90 % shared, to each host, with 32 Mbit/s for all that the controller sends",
        unit="hosts",
        points=(5, 10, 20),
        more=(50,),
        at=20,
        ways=(
            # Compressed or not on both sides, so that what is compared is the way that the paths take.
            Way("nix.fleet", "us", by_us("cascade", compression=False), anew, arrived),
            Way("direct", "us", by_us("direct", compression=False), anew, arrived),
            Way("compressed", "us", by_us("cascade", compression=True), anew, arrived),
            Way("direct, compressed", "us", by_us("direct", compression=True), anew, arrived),
            # As slow as direct copies for the same reason, so that more of it is not waited for.
            Way("nix copy ssh-ng://", "bare", by_hand, anew, arrived, up_to=20),
            Way("the union to one host", "bare", union, anew),
        ),
        bars=(Bar(0.35, "direct"), Bar(2.0, "the union to one host", of="bytes_sent")),
    ),
)
