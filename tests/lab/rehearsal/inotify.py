# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many inotify instances root may have: a systemd takes a dozen, and those of all hosts count together."""

from __future__ import annotations

from pathlib import Path

from .cgroup import running_fleets

LIMIT = Path("/proc/sys/fs/inotify/max_user_instances")
# What the machine allowed before the first fleet came up.
BEFORE = Path("/run/nix-fleet-lab.inotify")
NEEDED = 4096


def allow() -> None:
    """Raise the machine's limit, if it is lower than a few fleets need."""
    limit = LIMIT.read_text()
    if int(limit) < NEEDED:
        BEFORE.write_text(limit)
        LIMIT.write_text(str(NEEDED))


def restore() -> None:
    """Put the machine's own limit back once no fleet is up."""
    if BEFORE.exists() and not running_fleets():
        LIMIT.write_text(BEFORE.read_text())
        BEFORE.unlink()
