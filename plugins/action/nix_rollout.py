# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One host's part in a rollout: whether it may begin, and what to say of it in the end."""

from __future__ import annotations

import time
import typing as t

from ..plugin_utils.ansible_io.action import NixAction
from ..plugin_utils.ansible_io.plain import plain
from ..plugin_utils.ansible_io.run import ledger, run_name
from ..plugin_utils.errors import NixError
from ..plugin_utils.rollout.gate import failures, hold_back
from ..plugin_utils.rollout.limit import most_failures

if t.TYPE_CHECKING:
    from ..plugin_utils.rollout.ledger import Ledger

# The options that no other stage has a use for.
OF_THE_BEGINNING = ("max_failed", "pause")
# What is told again of a failure. All the rest has been said when it happened.
TOLD_AGAIN = ("host", "stage", "cause", "command", "advice", "outcome", "id", "msg")


class ActionModule(NixAction):
    """See plugins/modules/nix_rollout.py."""

    argument_spec: t.ClassVar[dict[str, t.Any]] = {
        "stage": {"type": "str", "required": True, "choices": ["begin", "failed", "look", "end"]},
        "max_failed": {"type": "str"},
        "pause": {"type": "int"},
    }

    def perform(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """See ``NixAction.perform``."""
        noted = ledger()
        if options["stage"] == "begin":
            self._begin(noted, options["max_failed"] or "0", options["pause"] or 0)
        else:
            _refuse(options, *OF_THE_BEGINNING)
        if options["stage"] == "failed":
            self._note_failure(noted)
        standing = noted.standing(self.play_host)
        if options["stage"] == "end" and standing is not None:
            told = noted.read(standing, self.play_host) or {}
            return {**told, "unreachable" if standing == "unreachable" else "failed": True}
        failed = failures(noted, self.play_host) + (standing == "failed")
        return {
            "changed": False,
            "run": run_name(),
            "standing": standing,
            "failures": failed,
            "stopped": noted.limit is not None and failed > noted.limit,
            "msg": f"{failed} hosts have failed in this run",
        }

    def _begin(self, noted: Ledger, max_failed: str, pause: int) -> None:
        limit = most_failures(max_failed, len(self.variables["ansible_play_hosts_all"]))
        if noted.limit != limit:
            noted.limit = limit
        hold_back(noted, self.play_host, limit)
        wait = noted.batch_begins(self.variables["ansible_play_batch"], pause, time.time()) - time.time()
        if wait > 0 and not self.check_mode:
            self.announce(f"waits {wait:.0f} s, as the batch before it is given time to show faults")
            time.sleep(min(wait, pause))
            hold_back(noted, self.play_host, limit)

    def _note_failure(self, noted: Ledger) -> None:
        result = plain(dict(self.variables.get("ansible_failed_result") or {}))
        result = {key: result[key] for key in TOLD_AGAIN if key in result}
        noted.note("held_back" if result.get("outcome") == "held_back" else "failed", self.play_host, result)


def _refuse(options: dict[str, t.Any], *names: str) -> None:
    given = [name for name in names if options[name] is not None]
    if given:
        raise NixError(
            f"{' and '.join(given)} would do nothing in the stage {options['stage']}", advice="give it to stage: begin"
        )
