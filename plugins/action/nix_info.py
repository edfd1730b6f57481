# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say what a machine with Nix is and runs."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible.errors import AnsibleConnectionFailure

from ..plugin_utils.activation.info import deployed_revision, drift_of, info_script, parse_info
from ..plugin_utils.ansible.action import NixAction
from ..plugin_utils.ansible.evaluation import absolute_flake
from ..plugin_utils.ansible.shell import NoAnswerError
from ..plugin_utils.core.errors import NixError
from ..plugin_utils.evaluation.sending import is_of_controller
from ..plugin_utils.nix.machine import Controller
from ..plugin_utils.nix.store import store_path_name
from ..plugin_utils.update.git import Distance, Repository, distance

# How many entries of the journal tell where the machine stands, however many are asked for.
LOOKED_AT = 20


class ActionModule(NixAction):
    """See the documentation of the module of the same name."""

    known_hosts_only = False

    def perform(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """See ``NixAction.perform``."""
        entries = max(options["journal"], 0)
        script = info_script(options["platform"], options["profile"], max(entries, LOOKED_AT))
        try:
            answer = self.shell_within(max(options["timeout"], 1)).run(script)
        except NoAnswerError as late:
            # As unreachable as a machine that takes no connection, whatever else there is of it.
            raise AnsibleConnectionFailure(late.cause) from None
        facts = parse_info(answer.stdout)
        drift = drift_of(facts)
        facts["drift"] = drift and drift.to_result()
        facts["revision"] = self._revision(facts, options["flake"])
        facts["journal"] = facts["journal"][-entries:] if entries else []
        if facts["nix_version"] is None:
            raise NixError(
                "there is no Nix on this machine, or not where it usually is",
                code="no_nix",
                advice="install it, or put it on the PATH with the task's environment",
                **facts,
            )
        return {"changed": False, "msg": message(facts), **facts}

    def _revision(self, facts: dict[str, t.Any], flake: str | None) -> dict[str, t.Any]:
        deployed, dirty = deployed_revision(facts)
        if flake is None:
            return Distance(deployed, dirty).to_result()
        place = absolute_flake(flake, self._loader.get_basedir())
        if not is_of_controller(place):
            return Distance(deployed, dirty).to_result()
        if not Path(place).is_dir():
            return Distance(deployed, dirty, unknown=f"{place} is no directory on the controller").to_result()
        return distance(Repository(Controller(), place), deployed, dirty=dirty).to_result()


def message(facts: dict[str, t.Any]) -> str:
    """Return what the machine is and runs, for a person."""
    if facts["current_system"] is None:
        return f"{facts['platform'] or 'a builder'} with Nix {facts['nix_version']}, nothing deployed"
    name = store_path_name(facts["current_system"])
    generation = "no generation" if facts["generation"] is None else f"generation {facts['generation']}"
    return f"{facts['platform']}, {generation}, runs {name}"
