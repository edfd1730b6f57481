# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say whether a system that awaits its confirmation stays."""

from __future__ import annotations

import typing as t

from ..plugin_utils.activation.answer import CHANGED, details, failure, units_failure, warnings_of_activation
from ..plugin_utils.activation.deployment import CONFIRMED, cancelled, confirm, longest_attempt
from ..plugin_utils.activation.request import DEPLOYMENT, one_line
from ..plugin_utils.ansible.action import NixAction
from ..plugin_utils.ansible.run import remember_run, run_id
from ..plugin_utils.ansible.shell import FreshLink
from ..plugin_utils.core.errors import ActivationError
from ..plugin_utils.nix.store import store_path_name


class ActionModule(NixAction):
    """See the documentation of the module of the same name."""

    def perform(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """See ``NixAction.perform``."""
        deployment = options["deployment"]
        if not DEPLOYMENT.fullmatch(deployment):
            raise ActivationError(
                f"deployment is not the id of one: {deployment!r}", code="bad_id", advice="take it from nix_activate"
            )
        confirmation = CONFIRMED if options["confirmation"] == "confirm" else cancelled(options["reason"])
        if self.check_mode:
            return {"changed": False, "msg": f"would be {confirmation.status}", "id": deployment}
        link = FreshLink(self.fresh_shell_within(longest_attempt(options["timeout"])))
        answer = confirm(link, deployment, confirmation, options["timeout"], say=self.announce)
        if not answer.good:
            raise failure(deployment, answer)
        if answer.outcome in CHANGED and confirmation is CONFIRMED:
            # Who confirms by hand does so in another run than the one that the journals name.
            remember_run((answer.journal or {}).get("run") or run_id(self.variables), self.inventory_sources)
        if confirmation is not CONFIRMED:
            why = f" ({one_line(options['reason'])})" if options["reason"].strip() else ""
            raise ActivationError(
                f"the cancellation{why} came too late: the deployment had ended as {answer.outcome} and stays",
                code="too_late",
                advice=f"go back: `ansible-playbook nix.fleet.rollback -l {self.play_host} -e rollback_to=before:{deployment}`",
                **details(deployment, answer),
            )
        if answer.failed_units and options["failed_units"] == "fail":
            raise units_failure(deployment, answer, **warnings_of_activation(self.play_host, answer, units=False))
        name = store_path_name(answer.closure) if answer.closure else "the closure"
        return {
            **answer.to_result(),
            **warnings_of_activation(self.play_host, answer),
            "id": deployment,
            "changed": answer.confirmation_taken,
            "msg": f"{name} is confirmed and stays",
        }
