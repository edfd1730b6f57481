# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two shell scripts of a collection, put together from their parts."""

from __future__ import annotations

import pathlib
import shlex
import typing as t

from ..activation.request import one_line
from ..platforms.registry import by_presence, platforms
from ..target.programs import part, program

if t.TYPE_CHECKING:
    from .plan import Plan
    from .policy import Policy


def question_script(policy: Policy, platform: str | None, *, check: bool) -> str:
    """Return the script that says what there is to collect.

    Without ``platform``, it is the first whose ``present`` says so; a machine may be none of them.
    """
    script = [program("collection"), *map(_own_part, ("kept", "room", "question")), _variables(policy, "question", "")]
    script += [f"check={int(check)}", "described=no"]
    for candidate in [platforms()[platform]] if platform else by_presence():
        condition = ":" if platform else '[ "$described" = no ] && platform_present'
        script += [
            part("platform"),
            candidate.functions,
            f"if {condition}; then described=yes; {shlex.join(['look', candidate.name, *policy.profiles])}; fi",
        ]
    script += [part("platform"), f'[ "$described" = yes ] || {shlex.join(["look", "", *policy.profiles])}']
    return "\n".join(script)


def collect_script(policy: Policy, platform: str | None, plan: Plan, *, name: str, who: str) -> str:
    """Return the script that has done what ``plan`` says when it ends; ``name`` and ``who`` are for those it keeps out."""
    return "\n".join(
        [
            program("collection"),
            part("platform"),
            platforms()[platform].functions if platform else "",
            *map(_own_part, ("kept", "room", "collect")),
            _variables(policy, name, who),
            # What a platform is asked for by a deployment, and not here.
            "install_bootloader=0 no_check=0 backup_extension= activate= profile= program=",
            *_function("remove_roots", [shlex.join(["remove_root", root]) for root in plan.roots]),
            *_function("remove_generations", _deletions(plan)),
            "collect",
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
    return [shlex.join(["delete_generations", profile, *words]) for profile, words in asked.items()]


def _function(name: str, lines: list[str]) -> list[str]:
    return [f"{name}() {{", ":", *lines, "}"]


def _own_part(name: str) -> str:
    return pathlib.Path(__file__).with_name(f"{name}.sh").read_text(encoding="utf-8")
