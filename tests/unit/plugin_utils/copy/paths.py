# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Store paths to spread: a base that others refer to, and what hosts have besides."""

from __future__ import annotations

from ansible_collections.nix.fleet.plugins.plugin_utils.nix.store import PathInfo


def path(number: int, *references: PathInfo, size: int = 100) -> PathInfo:
    """Return a store path that refers to others."""
    name = f"/nix/store/{number:032}-path"
    return PathInfo(name, "0" * 64, size, frozenset(info.path for info in references))


BASE = path(1)
LEFT = path(2, BASE)
RIGHT = path(3, BASE)
TOP = path(4, LEFT, RIGHT)
ALL = (BASE, LEFT, RIGHT, TOP)
