# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Delete generations that nobody needs any more, and collect the garbage of a store."""

from __future__ import annotations

import typing as t

from ..plugin_utils.ansible.action import NixAction
from ..plugin_utils.ansible.activation import origin
from ..plugin_utils.ansible.run import new_name
from ..plugin_utils.core.errors import NixError
from ..plugin_utils.gc.collection import (
    Collection,
    collect_script,
    difference,
    message,
    parse_collection,
    predicted,
    survey_script,
)
from ..plugin_utils.gc.plan import Plan, Policy, Survey, nothing_to_do, parse_survey, plan_of
from ..plugin_utils.platforms.platform import platforms


class ActionModule(NixAction):
    """See the documentation of the module of the same name."""

    def perform(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """See ``NixAction.perform``."""
        self._validate_known_hosts(options["known_hosts"])
        policy = Policy(
            keep_generations=options["keep_generations"],
            keep_for=options["keep_for"],
            free_space=options["free_space"],
            profiles=tuple(options["profiles"]),
            wait=options["wait"],
            known_hosts=None if options["known_hosts"] is None else tuple(options["known_hosts"]),
        )
        survey = self._survey(policy, options["platform"])
        plan = plan_of(survey, policy)
        if self.check_mode or nothing_to_do(survey, plan):
            done = predicted(survey, plan)
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
            raise NixError(
                done.failed,
                code="collection.incomplete",
                log=done.log,
                advice="see to it, and run again: what is left to do is done then",
                **result,
            )
        return {**result, "msg": message(done, would=self.check_mode)}

    def _validate_known_hosts(self, known: list[str] | None) -> None:
        """Raise for a list that cannot be all hosts there are, since it lacks this one."""
        if known is not None and self.play_host not in known:
            raise NixError(
                f"known_hosts does not name {self.play_host} itself, so that it cannot be the hosts that there are",
                code="collection.bad_option",
                advice="name hosts, not groups or patterns: \"{{ groups['all'] }}\"; or leave it out (gc_known_hosts)",
            )

    def _survey(self, policy: Policy, platform: str | None) -> Survey:
        answer = self.questions.run(survey_script(policy, platform, check=self.check_mode))
        survey = parse_survey(answer.stdout)
        if survey.refused is not None:
            raise NixError(survey.refused, code="collection.refused", advice=survey.advice)
        if survey.now is None:
            raise NixError(
                "the machine does not say what it has",
                code="collection.no_answer",
                log="\n".join([answer.stdout[-4000:], answer.stderr]),
            )
        return survey

    def _collect(self, policy: Policy, survey: Survey, plan: Plan, timeout: int) -> Collection:
        self.doing("collecting garbage")
        who = origin(self).text
        platform = survey.platform if survey.platform in platforms() else None
        script = collect_script(policy, platform, plan, name=f"gc-{new_name()}", who=who)
        return parse_collection(self.shell_within(timeout).run(script).stdout, plan)
