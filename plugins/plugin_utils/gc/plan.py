# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a machine is to go, by what it has and what is asked for. Nothing here speaks to anybody."""

from __future__ import annotations

import dataclasses
import typing as t

from ..build.roots import root_name

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from .policy import Policy
    from .survey import Generation, Survey


@dataclasses.dataclass(frozen=True)
class Plan:
    """The generations that go and that stay, and the roots that go, by their paths below ours."""

    going: tuple[Generation, ...] = ()
    staying: tuple[Generation, ...] = ()
    roots: tuple[str, ...] = ()


def plan_of(survey: Survey, policy: Policy) -> Plan:
    """Return what goes and what stays."""
    going = tuple(
        generation
        for profile in survey.profiles
        for generation in going_of([each for each in survey.generations if each.profile == profile], policy, survey.now)
    )
    return Plan(
        going=going,
        staying=tuple(each for each in survey.generations if each not in going),
        roots=() if policy.known_hosts is None else _roots_of_others(survey.roots, policy.known_hosts),
    )


def going_of(generations: Sequence[Generation], policy: Policy, now: int | None) -> tuple[Generation, ...]:
    """Return those of one profile's generations that nothing and nobody wants to stay, oldest first.

    Counted is as ``nix-env --delete-generations +N`` does, back from the current one, whatever is newer staying; and of
    those that are too old the newest stays, as with ``30d``: it is what there was at that time.
    """
    if not policy.deletes_generations:
        return ()
    ordered = sorted(generations, key=lambda each: each.number)
    staying = {each.number for each in ordered if each.reasons}
    if policy.keep_generations is not None:
        staying |= _counted(ordered, policy.keep_generations)
    if policy.keep_seconds is not None:
        staying |= _young(ordered, policy.keep_seconds, now)
    return tuple(each for each in ordered if each.number not in staying)


def _counted(ordered: Sequence[Generation], count: int) -> set[int]:
    current = next((each.number for each in ordered if "current" in each.reasons), None)
    older = [each.number for each in ordered if current is None or each.number <= current]
    return {each.number for each in ordered} - set(older[:-count])


def _young(ordered: Sequence[Generation], seconds: int, now: int | None) -> set[int]:
    # What does not say its age, or is of a machine that does not say the time, counts as young.
    old = [each.number for each in ordered if None not in (now, each.made) and _age(each, now) > seconds]
    return {each.number for each in ordered} - set(old[:-1])


def _age(generation: Generation, now: int | None) -> int:
    return (now or 0) - (generation.made or 0)


def _roots_of_others(roots: Sequence[str], known_hosts: Sequence[str]) -> tuple[str, ...]:
    known = {root_name(host) for host in known_hosts}
    return tuple(root for root in roots if root.partition("/")[2] not in known)
