# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A collection of a machine's garbage: the programs that survey and collect, and what they answer."""

from __future__ import annotations

import dataclasses
import re
import shlex
import typing as t

from ..activation.request import one_line
from ..core.errors import NixError
from ..core.text import counted, size
from ..nix.store import store_path_name
from ..platforms.platform import by_presence, platforms
from ..target.programs import fields_and_log, part, program
from .plan import bytes_of, free_bytes

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .plan import Generation, Plan, Policy, Survey


def survey_script(policy: Policy, platform: str | None, *, check: bool) -> str:
    """Return the script that says what there is to collect.

    Without ``platform``, it is the first whose ``present`` says so; a machine may be none of them.
    """
    known = platforms()[platform] if platform else None
    script = [program("gc", known), _variables(policy, "survey", ""), f"check={int(check)}"]
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
            program("gc", platforms()[platform] if platform else None),
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


# As `nix-store --gc` closes; the unit was always MiB up to Nix 2.28.
COLLECTED = re.compile(r"([0-9]{1,12}) store paths deleted, ([0-9.]+ (?:[KMGT]i)?B) freed")


@dataclasses.dataclass(frozen=True)
class Collection:
    """What went, or in a check would go; ``boot_entries`` tells whether those of the boot loader were brought up to date."""

    deleted: tuple[Generation, ...] = ()
    kept: tuple[Generation, ...] = ()
    roots: tuple[str, ...] = ()
    paths: int = 0
    freed: int = 0
    boot_entries: bool = False
    free_before: int | None = None
    free_after: int | None = None
    failed: str | None = None
    log: str = ""

    @property
    def changed(self) -> bool:
        """Whether anything is another than it was."""
        return bool(self.deleted or self.roots or self.paths or self.boot_entries)

    def to_result(self) -> dict[str, t.Any]:
        """Return the fields of a module's result."""
        return {
            "deleted_generations": [generation.to_result() for generation in self.deleted],
            "kept_generations": [
                {**generation.to_result(), "reasons": sorted(generation.reasons)} for generation in self.kept
            ],
            "deleted_paths": self.paths,
            "freed_bytes": self.freed,
            "removed_roots": list(self.roots),
            "boot_entries_refreshed": self.boot_entries,
            "store_free_bytes": {"before": self.free_before, "after": self.free_after},
        }


def predicted(survey: Survey, plan: Plan) -> Collection:
    """Return what a collection would do, as far as that is known before the generations have gone."""
    limit = survey.lacking
    collects = limit is None or limit > 0
    freed = survey.garbage_bytes if limit is None else min(survey.garbage_bytes, max(limit, 0))
    return Collection(
        deleted=plan.going,
        kept=plan.staying,
        roots=plan.roots,
        paths=survey.garbage_paths if collects else 0,
        freed=freed if collects else 0,
        boot_entries=survey.boot_entries_outdated or any(each.profile in survey.boot_menu for each in plan.going),
        free_before=survey.free,
        free_after=survey.free,
    )


def parse_collection(text: str, plan: Plan) -> Collection:
    """Read the answer to ``plan``; raises ``NixError`` when the machine refused, or gave none."""
    fields, log = fields_and_log(text)
    one = {key: values[-1] for key, values in fields.items()}
    if one.get("outcome") == "refused":
        raise NixError(
            one.get("cause", "no reason was given"), code="collection.refused", advice=one.get("advice") or None
        )
    if "complete" not in one:
        raise NixError(
            "the machine does not say how the collection ended",
            code="collection.no_answer",
            log=text[-4000:],
            advice="see with nix.fleet.status what it runs",
        )
    gone = set(fields.get("deleted", ()))
    deleted = tuple(each for each in plan.going if f"{each.number} {each.profile}" in gone)
    collected = COLLECTED.findall("\n".join(fields.get("collected", ())))
    return Collection(
        deleted=deleted,
        kept=tuple(
            sorted(
                (*plan.staying, *(each for each in plan.going if each not in deleted)),
                key=lambda each: (each.profile, each.number),
            )
        ),
        roots=tuple(root for root in plan.roots if root in fields.get("removed_root", ())),
        paths=sum(int(count) for count, _size in collected),
        freed=sum(bytes_of(size) or 0 for _count, size in collected),
        boot_entries="boot_entries" in one,
        free_before=free_bytes(one.get("before")),
        free_after=free_bytes(one.get("after")),
        failed=one.get("failed"),
        log=log,
    )


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


def message(done: Collection, *, would: bool) -> str:
    """Return what became of the store, or would become of it."""
    if not done.changed:
        return "nothing to collect"
    parts = []
    if done.deleted:
        parts.append(f"{'would delete' if would else 'deleted'} {counted(len(done.deleted), 'generation')}")
    if done.roots:
        parts.append(f"{'would forget' if would else 'forgot'} {counted(len(done.roots), 'host')}")
    if done.paths and would:
        parts.append(f"there is garbage already: {counted(done.paths, 'path')}, about {size(done.freed)}")
    elif done.paths:
        parts.append(f"freed {size(done.freed)} ({counted(done.paths, 'path')})")
    if done.boot_entries:
        parts.append(f"{'would bring' if would else 'brought'} the boot entries up to date")
    return ", ".join(parts)
