# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that failed for the very same cause: a flake that does not evaluate fails all that are in it."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from .records import Failure, HostRecord


def by_failure(hosts: Iterable[HostRecord]) -> dict[Failure, list[str]]:
    """Return each failure with the names of the hosts that have it, both in the order in which they come.

    What differs in a single word, such as the log, is another one; so is the same sentence of another stage or task.
    """
    alike: dict[Failure, list[str]] = {}
    for host in hosts:
        if host.failure is not None:
            alike.setdefault(host.failure, []).append(host.host)
    return alike
