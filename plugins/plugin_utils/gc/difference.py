# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which generations there are before and after a collection, as Ansible shows differences."""

from __future__ import annotations

import typing as t

from ..nix.store import store_path_name

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .collection import Collection
    from .survey import Generation


def difference(done: Collection, profiles: Sequence[str]) -> list[dict[str, str]]:
    """Return the generations of each profile that loses some, before and after, by number and date."""
    return [
        {
            "before_header": profile,
            "after_header": profile,
            "before": _listed(profile, (*done.kept, *done.deleted)),
            "after": _listed(profile, done.kept),
        }
        for profile in profiles
        if any(generation.profile == profile for generation in done.deleted)
    ]


def _listed(profile: str, generations: Iterable[Generation]) -> str:
    listed = sorted((each for each in generations if each.profile == profile), key=lambda each: each.number)
    return "".join(f"{_line(each)}\n" for each in listed)


def _line(generation: Generation) -> str:
    name = store_path_name(generation.closure) if generation.closure else "not a store path"
    why = f" ({', '.join(sorted(generation.reasons))})" if generation.reasons else ""
    return f"{generation.number}  {generation.to_result()['date'] or 'date unknown'}  {name}{why}"
