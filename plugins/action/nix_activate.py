# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a closure what a machine runs, or go back."""

from __future__ import annotations

import time
import typing as t

from ..plugin_utils.activation.answer import CHANGED, failure, predicted, units_failure, warnings_of_activation
from ..plugin_utils.activation.deployment import CONFIRMED, PATIENCE_SECONDS, confirm, deploy, longest, longest_attempt
from ..plugin_utils.activation.request import Request
from ..plugin_utils.ansible.action import NixAction
from ..plugin_utils.ansible.activation import (
    ask_whether_up_to_date,
    confirm_seconds,
    difference,
    origin,
    renewable,
    result_needed,
    result_of,
    result_unchanged,
    target_of,
    units_by_source,
)
from ..plugin_utils.ansible.run import last_run, new_name, remember_run, run_id
from ..plugin_utils.ansible.shell import FreshLink
from ..plugin_utils.ansible.variables import plain
from ..plugin_utils.core.errors import ActivationError

if t.TYPE_CHECKING:
    from ..plugin_utils.activation.answer import Answer
    from ..plugin_utils.ansible.shell import RenewableLink


# The strategies under which each host goes on by itself, whoever brings them.
WITHOUT_BARRIER = ("free", "host_pinned")


class ActionModule(NixAction):
    """See the documentation of the module of the same name."""

    constraints: t.ClassVar[dict[str, t.Any]] = {
        "mutually_exclusive": [["closure", "rollback"]],
        "required_one_of": [["closure", "rollback"]],
        "required_if": [["platform", "custom", ["profile", "activate"]]],
    }

    def perform(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """See ``NixAction.perform``."""
        last = options["rollback"] == "last"
        if last:
            options["rollback"] = self._before_last_run()
        request = self._request(options)
        link = renewable(self, self.shell_within(longest(request)))
        if options["query"]:
            return self._queried(link, request, options["source_host"])
        if request.check:
            self.doing("comparing")
        elif options["confirm"] != "never":
            self.doing("activating", deployment=request.id)
        answer = deploy(link, request, say=self.announce)
        if answer.outcome == "awaiting":
            self.doing("waiting for confirmation", seconds=request.confirm_timeout, deployment=request.id)
        if answer.outcome == "awaiting" and options["confirm"] == "now":
            answer = self._confirmed(request)
        if not answer.good:
            raise failure(request.id, answer)
        # Asked for once more, as for a host that was away, the last run is the same.
        if answer.outcome in CHANGED and not request.check and not last:
            remember_run(run_id(self.variables), self.inventory_sources)
        if request.goal == "dry-activate":
            # What was asked for is this text, whatever the verbosity.
            for line in answer.log.splitlines():
                self.announce(line)
        shown = difference(self, link, answer, options["source_host"])
        if request.check and self.diff_mode:
            shown = predicted(shown, answer, units_by_source(self, link, answer, options["source_host"]))
        # While it awaits its confirmation it has not come to stay: then nix_confirm says so.
        if answer.failed_units and request.failed_units == "fail" and answer.outcome != "awaiting":
            raise units_failure(
                request.id, answer, **shown, **warnings_of_activation(self.play_host, answer, units=False)
            )
        return {**result_of(self.play_host, request, answer), **shown, **self._barrier(options, answer)}

    def _before_last_run(self) -> str:
        name = last_run(run_id(self.variables), self.inventory_sources)
        if name is None:
            raise ActivationError(
                "this controller remembers no run that has changed a host of this inventory",
                code="no_last_run",
                advice="give its name, before:NAME, as the run's summary and the hosts' journals have it",
                outcome="refused",
            )
        return f"before:{name}"

    def _queried(self, link: RenewableLink, request: Request, source_host: str) -> dict[str, t.Any]:
        """Return whether the machine has anything to do, and what it was found to run if it has not."""
        self.doing("asking what it runs")
        # Something is copied to it next, unless it builds for itself.
        before_copy = source_host != self.host
        answer = ask_whether_up_to_date(self, request, before_copy=before_copy)
        if answer is None:
            return {**result_needed(request), **self._turn()}
        return result_unchanged(self, link, request, answer, source_host, before_copy=before_copy)

    def _turn(self) -> dict[str, t.Any]:
        """Return which profiles go before this one; where all hosts go from task to task together, it could wait for none."""
        known = self.variables.get("ansible_play_hosts_all", ())
        after = [host for host in plain(self.variables.get("nix_after") or []) if host in known]
        if not after or self.check_mode or not self._strategy.endswith(WITHOUT_BARRIER):
            return {}
        self.doing(f"waiting for {', '.join(after)}")
        return {"after": after, "asked": int(time.time())}

    def _barrier(self, options: dict[str, t.Any], answer: Answer) -> dict[str, t.Any]:
        """Warn of a confirmation that cannot come before all other hosts have got as far."""
        strategy = self._strategy if answer.outcome == "awaiting" else ""
        if not strategy or strategy.endswith(WITHOUT_BARRIER) or len(self.variables.get("ansible_play_batch", ())) < 2:
            return {}
        text = (
            f"{self.play_host}: under the strategy {strategy} it waits for every other host's activation before its confirmation, "
            f"and goes back if that takes more than {options['confirm_timeout']} s; strategy: host_pinned waits for none"
        )
        return {"warnings": [*warnings_of_activation(self.play_host, answer).get("warnings", ()), text]}

    def _confirmed(self, request: Request) -> Answer:
        patience = request.confirm_timeout + request.activation_timeout + PATIENCE_SECONDS
        link = FreshLink(self.fresh_shell_within(longest_attempt(patience)))
        return confirm(link, request.id, CONFIRMED, patience, say=self.announce)

    def _request(self, options: dict[str, t.Any]) -> Request:
        return Request(
            id=new_name(),
            origin=origin(
                self,
                revision=options["flake_revision"],
                dirty=options["flake_dirty"],
                description=options["description"],
            ),
            **target_of(options),
            closure=options["closure"],
            rollback=options["rollback"],
            rollback_on_failure=options["rollback_on_failure"],
            failed_units=options["failed_units"],
            confirm_timeout=0 if options["confirm"] == "never" else confirm_seconds(options),
            lock_timeout=options["lock_timeout"],
            # Who goes back does so because something is wrong.
            no_check=options["no_check"] or options["rollback"] is not None,
            backup_extension=options["backup_extension"],
            nix_options=options["nix_options"],
            check=self.check_mode,
            # With a barrier between tasks, the other profile's confirmation would wait for this task, and this one for it.
            in_turn=self._strategy.endswith(WITHOUT_BARRIER),
        )

    @property
    def _strategy(self) -> str:
        return plain(str(self._task.get_play().strategy))
