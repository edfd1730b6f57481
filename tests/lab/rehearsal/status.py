# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the fleet is: one row per host."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from . import links
from .disk import usage
from .errors import LabError
from .fleet import Fleet
from .hosts import MEBIBYTE, Host


@dataclass(frozen=True)
class HostStatus:
    """One row."""

    name: str
    kind: str
    login: str
    address: str
    listens: str
    status: str
    boots: int
    boot_id: str | None
    up_seconds: int | None
    disk_used: int | None
    disk_size: int | None
    line: dict[str, Any]


def statuses(fleet: Fleet) -> list[HostStatus]:
    try:
        lines = links.order(fleet.clone.control_socket, "report")
    except LabError:
        lines = {}
    return [_status(fleet, host, lines.get(host.name, {})) for host in fleet.existing()]


def _status(fleet: Fleet, host: Host, line: dict[str, Any]) -> HostStatus:
    state = fleet.state(host)
    disk = None
    if state and state.init:
        try:
            disk = usage(Path(f"/proc/{state.init}/root"))
        except OSError:
            disk = None
    frozen = fleet.host_cgroup(host).event("frozen")
    port = line.get("ports", {}).get(str(host.port), host.port)
    return HostStatus(
        name=host.name,
        kind=host.kind.value,
        login=host.login,
        address=host.address,
        listens=f"{fleet.clone.loopback_address(host.number)}:{port}",
        status="frozen" if frozen else (state.status if state else "gone"),
        boots=state.boots if state else 0,
        boot_id=state.boot_id if state else None,
        up_seconds=int(time.time() - state.since) if state and state.since else None,
        disk_used=disk.used if disk else None,
        disk_size=disk.size if disk else None,
        line=line,
    )


def as_dictionaries(rows: Sequence[HostStatus]) -> list[dict[str, Any]]:
    return [asdict(row) for row in rows]


def table(rows: Sequence[HostStatus]) -> str:
    """The rows for a person to read."""
    cells = [("HOST", "KIND", "LOGIN", "ADDRESS", "LISTENS", "STATUS", "BOOTS", "UP", "DISK", "LINE")]
    cells += [
        (
            row.name,
            row.kind,
            row.login,
            row.address,
            row.listens,
            row.status,
            str(row.boots),
            f"{row.up_seconds} s" if row.up_seconds is not None else "-",
            _disk(row),
            describe_line(row.line),
        )
        for row in rows
    ]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in cells
    )


def _disk(row: HostStatus) -> str:
    if row.disk_used is None or row.disk_size is None:
        return "-"
    return f"{row.disk_used // MEBIBYTE} of {row.disk_size // MEBIBYTE} MiB"


def describe_line(line: dict[str, Any]) -> str:
    """What is wrong with a line, in words; `ok` when nothing is."""
    words = []
    if line.get("cut"):
        words.append("cut" if line["cut"] == "silent" else "cut (reset)")
    if line.get("refused"):
        words.append("lets nobody new in")
    if line.get("delay"):
        words.append(f"{line['delay'] * 1000:g} ms")
    if line.get("rate"):
        words.append(f"{line['rate'] * 8 / 1e6:g} Mbit/s")
    return ", ".join(words) or "ok"
