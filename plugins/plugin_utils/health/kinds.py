# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of check there are, and checks made of what a task says."""

from __future__ import annotations

import typing as t

from . import command, http_check, port, units
from .check import Check, HealthError, Kind, Surroundings

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KINDS: tuple[Kind, ...] = (units.KIND, http_check.KIND, port.KIND, command.KIND)

TIMEOUT_SECONDS = 10


def check_options() -> dict[str, dict[str, t.Any]]:
    """Return the argument spec of one check, whatever its kind."""
    options: dict[str, dict[str, t.Any]] = {
        "name": {"type": "str"},
        "timeout": {"type": "int", "default": TIMEOUT_SECONDS},
    }
    for kind in KINDS:
        options |= {name: dict(spec) for name, spec in kind.options.items()}
    return options


def checks_of(entries: Sequence[Mapping[str, t.Any]], surroundings: Surroundings) -> list[Check]:
    """Return the checks that ``entries`` ask for, in their order; raises on the first that makes no sense."""
    return [_check_of(number, entry, surroundings) for number, entry in enumerate(entries, 1)]


def _check_of(number: int, entry: Mapping[str, t.Any], surroundings: Surroundings) -> Check:
    given = {name for name, value in entry.items() if value is not None}
    kinds = [kind for kind in KINDS if kind.name in given]
    names = ", ".join(kind.name for kind in KINDS)
    if len(kinds) != 1:
        found = f"it has {' and '.join(kind.name for kind in kinds)}" if kinds else "it has none of them"
        raise _refusal(f"check {number} is to have exactly one of {names}; {found}")
    (kind,) = kinds
    strange = sorted(given - {"name", "timeout", *kind.options})
    if strange:
        raise _refusal(f"check {number} is one of {kind.name}, which takes no {' and no '.join(strange)}")
    if entry["timeout"] < 1:
        raise _refusal(f"check {number}: its timeout of {entry['timeout']} s leaves no time to look")
    try:
        return kind.of(entry, surroundings)
    except ValueError as error:
        raise _refusal(f"check {number}: {error}") from error


def _refusal(cause: str) -> HealthError:
    return HealthError(cause, advice="correct the checks; none of them has been made")
