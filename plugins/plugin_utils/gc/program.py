# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two programs of a collection: the survey, and the collection itself."""

from __future__ import annotations

import shlex
import typing as t

from ..activation.request import one_line
from ..platforms.registry import by_presence, platforms
from ..target.programs import part, program

if t.TYPE_CHECKING:
    from .plan import Plan, Policy


def survey_script(policy: Policy, platform: str | None, *, check: bool) -> str:
    """Return the script that says what there is to collect.

    Without ``platform``, it is the first whose ``present`` says so; a machine may be none of them.
    """
    known = platforms()[platform] if platform else None
    script = [program("gc_survey", known), _variables(policy, "survey", ""), f"check={int(check)}"]
    if known:
        return "\n".join([*script, shlex.join(["gc_survey", known.name, *policy.profiles]), ""])
    for candidate in by_presence():
        present = shlex.join(["gc_survey_present", candidate.name, *policy.profiles])
        script += [part("platform"), candidate.functions, present]
    script += [part("platform"), f'[ "$gc_surveyed" = yes ] || {shlex.join(["gc_survey", "", *policy.profiles])}']
    return "\n".join(script)


def collect_script(policy: Policy, platform: str | None, plan: Plan, *, name: str, who: str) -> str:
    """Return the script that has done what ``plan`` says when it ends; ``name`` and ``who`` are for those it keeps out."""
    return "\n".join(
        [
            program("gc_collect", platforms()[platform] if platform else None),
            _variables(policy, name, who),
            "profile='' program=''",
            *_function("gc_remove_roots", [shlex.join(["gc_remove_root", root]) for root in plan.roots]),
            *_function("gc_remove_generations", _deletions(plan)),
            "gc_collect",
        ]
    )


def _variables(policy: Policy, name: str, who: str) -> str:
    variables = {"id": name, "who": one_line(who), **policy.variables()}
    return "\n".join(
        [
            *(f"{key}={shlex.quote(value)}" for key, value in variables.items()),
            "state_find",
            "run=$state/runs/$id",
        ]
    )


def _deletions(plan: Plan) -> list[str]:
    asked: dict[str, list[str]] = {}
    for generation in plan.going:
        asked.setdefault(generation.profile, []).append(f"{generation.number}:{generation.closure or ''}")
    return [shlex.join(["gc_delete_generations", profile, *words]) for profile, words in asked.items()]


def _function(name: str, lines: list[str]) -> list[str]:
    return [f"{name}() {{", ":", *lines, "}"]
