# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""In what one fleet is not the other, for a person."""

from __future__ import annotations

import typing as t

from .fields import quoted, shown

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from .fleet import Fleet

_MISSING = object()
# As much of a value as fits into a message.
_CHARACTERS = 120


def differences(old: Fleet, new: Fleet, *, ignored: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """Return a sentence for each host, variable or group of ``old`` that ``new`` does not have alike, and the reverse.

    The order of hosts has no meaning. ``ignored`` names variables that may differ.
    """
    return (*_hosts(old, new, ignored), *_groups(old, new))


def _hosts(old: Fleet, new: Fleet, ignored: frozenset[str]) -> Iterator[str]:
    for name in sorted({*old.hosts, *new.hosts}):
        if name not in new.hosts:
            yield f"host {name} is missing"
        elif name not in old.hosts:
            yield f"host {name} is new"
        else:
            before, after = old.hosts[name], new.hosts[name]
            for variable in sorted(({*before} | {*after}) - ignored):
                was, now = before.get(variable, _MISSING), after.get(variable, _MISSING)
                # Of 1, 1.0 and true, which Python takes for one, Ansible does not make the same.
                if _text(was) != _text(now):
                    yield f"host {name}: {variable} is {_text(now)[:_CHARACTERS]}, where it was {_text(was)[:_CHARACTERS]}"


def _groups(old: Fleet, new: Fleet) -> Iterator[str]:
    for name in sorted({*old.groups, *new.groups}):
        was, now = (sorted(fleet.groups.get(name, ())) for fleet in (old, new))
        if was != now:
            yield f"group {shown(name)} has {' '.join(now) or 'nobody'}, where it had {' '.join(was) or 'nobody'}"


def _text(value: t.Any) -> str:
    return "not set" if value is _MISSING else quoted(_sorted(value))


def _sorted(value: t.Any) -> t.Any:
    """Return ``value`` with the names of sets in order, which has no meaning in Nix."""
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, (list, tuple)) else value
