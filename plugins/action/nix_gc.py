# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Delete generations that nobody needs any more, and collect the garbage of a store."""

from __future__ import annotations

import typing as t

from ..plugin_utils.ansible.action import NixAction
from ..plugin_utils.ansible.activation import origin
from ..plugin_utils.ansible.run import new_name
from ..plugin_utils.core.errors import GarbageCollectionError
from ..plugin_utils.core.quantities import counted, size
from ..plugin_utils.gc.collection import Collection, foreseen, parse_collection
from ..plugin_utils.gc.difference import difference
from ..plugin_utils.gc.plan import Plan, plan_of
from ..plugin_utils.gc.policy import Policy
from ..plugin_utils.gc.program import collect_script, question_script
from ..plugin_utils.gc.survey import Survey, parse_survey
from ..plugin_utils.platforms.registry import platforms


class ActionModule(NixAction):
    """See the documentation of the module of the same name."""

    argument_spec: t.ClassVar[dict[str, t.Any]] = {
        "platform": {"type": "str", "choices": [*platforms()]},
        "profiles": {"type": "list", "elements": "str", "default": []},
        "keep_generations": {"type": "int"},
        "keep_for": {"type": "str"},
        "free_space": {"type": "str"},
        "quota": {"type": "str"},
        "optimise": {"type": "bool", "default": False},
        "known_hosts": {"type": "list", "elements": "str"},
        "wait": {"type": "int", "default": 0},
        "timeout": {"type": "int", "default": 3600},
    }

    def perform(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """See ``NixAction.perform``."""
        self._refuse_other_hosts(options["known_hosts"])
        policy = Policy(
            keep_generations=options["keep_generations"],
            keep_for=options["keep_for"],
            free_space=options["free_space"],
            quota=options["quota"],
            optimise=options["optimise"],
            profiles=tuple(options["profiles"]),
            wait=options["wait"],
            known_hosts=None if options["known_hosts"] is None else tuple(options["known_hosts"]),
        )
        survey = self._look(policy, options["platform"])
        plan = plan_of(survey, policy)
        if self.check_mode or nothing_to_do(survey, policy, plan):
            done = foreseen(survey, plan)
        else:
            done = self._collect(policy, survey, plan, policy.wait + options["timeout"])
        result = {
            "platform": survey.platform,
            "profiles": list(survey.profiles),
            **done.to_result(),
            "changed": done.changed,
            **({"diff": difference(done, survey.profiles)} if self.diff_mode else {}),
        }
        if done.failed is not None:
            raise GarbageCollectionError(
                done.failed, log=done.log, advice="see to it, and run again: what is left to do is done then", **result
            )
        return {**result, "msg": sentence(done, would=self.check_mode)}

    def _refuse_other_hosts(self, known: list[str] | None) -> None:
        """Refuse a list that cannot be all hosts there are, since one is missing of which that is sure."""
        if known is not None and self.play_host not in known:
            raise GarbageCollectionError(
                f"known_hosts does not name {self.play_host} itself, so that it cannot be the hosts that there are",
                advice="name hosts, not groups or patterns: \"{{ groups['all'] }}\"; or leave it out (gc_known_hosts)",
            )

    def _look(self, policy: Policy, platform: str | None) -> Survey:
        answer = self.questions.run(question_script(policy, platform, check=self.check_mode))
        survey = parse_survey(answer.stdout)
        if survey.refused is not None:
            raise GarbageCollectionError(survey.refused, advice=survey.advice)
        if survey.now is None:
            raise GarbageCollectionError(
                "the machine does not say what it has", log="\n".join([answer.stdout[-4000:], answer.stderr])
            )
        return survey

    def _collect(self, policy: Policy, survey: Survey, plan: Plan, timeout: int) -> Collection:
        self.doing("collecting garbage")
        who = origin(self).text
        platform = survey.platform if survey.platform in platforms() else None
        script = collect_script(policy, platform, plan, name=f"gc-{new_name()}", who=who)
        return parse_collection(self.shell_within(timeout).run(script).stdout, plan)


def nothing_to_do(survey: Survey, policy: Policy, plan: Plan) -> bool:
    """Whether the machine needs no second visit: nothing goes, and there is the room that was asked for."""
    room = survey.excess is not None and survey.excess <= 0
    return room and not (plan.going or plan.roots or policy.optimise or survey.boot_entries_outdated)


def sentence(done: Collection, *, would: bool) -> str:
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
    if done.optimised:
        parts.append(f"saved {size(done.optimised)} by hard links")
    if done.boot_entries:
        parts.append(f"{'would bring' if would else 'brought'} the boot entries up to date")
    return ", ".join(parts) or "linked equal files"
