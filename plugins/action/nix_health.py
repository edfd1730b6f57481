# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""nix_health: see that a host does what it is there for."""

from __future__ import annotations

import contextlib
import typing as t

from ansible.errors import AnsibleError

from ..plugin_utils.ansible.action import NixAction
from ..plugin_utils.ansible.connections import address_of
from ..plugin_utils.ansible.shell import EndlessAnswerError
from ..plugin_utils.ansible.web import fetch
from ..plugin_utils.core.errors import NixError
from ..plugin_utils.health.checks import Context, HealthError, checks_of, shortened
from ..plugin_utils.health.observation import (
    Limits,
    TargetAwayError,
    failure,
    message,
    observe,
    result,
    run_checks,
    seconds_on_target,
)

if t.TYPE_CHECKING:
    from ..plugin_utils.core.process import Completed


class ActionModule(NixAction):
    """See the documentation of the module of the same name."""

    known_hosts_only = False

    def perform(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """See ``NixAction.perform``."""
        context = Context(lambda: address_of(self._connection), fetch, check_mode=self.check_mode)
        checks = checks_of(options["checks"], context)
        limits = _limits(options)
        if not options["look"]:
            return {"changed": False, "msg": f"checks that make sense: {len(checks)}"}
        target = _Target(self, seconds_on_target(checks))
        observation = observe(lambda: run_checks(checks, target), limits)
        if not observation.held:
            raise failure(checks, observation)
        return {
            "changed": False,
            "msg": message(observation, limits.stable_for),
            **result(checks, observation),
        }


class _Target:
    """The target's shell, where not being there is something that is found out, and tried again."""

    def __init__(self, action: NixAction, seconds: float) -> None:
        self._action = action
        self._seconds = seconds
        self.host = action.host

    def run(self, script: str, *arguments: str) -> Completed:
        """See ``Shell.run``."""
        try:
            return self._action.shell_within(self._seconds).run(script, *arguments)
        except EndlessAnswerError:
            raise
        except NixError as error:
            self._drop()
            raise TargetAwayError(error.cause) from error
        except AnsibleError as error:
            # The next try is to make a connection of its own.
            self._drop()
            raise TargetAwayError(f"the machine cannot be reached: {shortened(str(error), 300)}") from error

    def _drop(self) -> None:
        connection = self._action._connection
        if connection.transport == "ssh":
            with contextlib.suppress(AnsibleError, OSError):
                connection.reset()


def _limits(options: dict[str, t.Any]) -> Limits:
    for name in ("within", "stable_for", "interval"):
        if not options[name] >= 0:
            raise HealthError(
                f"{name} is {options[name]:g}, which is less than 0", code="bad_time", advice=f"correct {name}"
            )
    return Limits(options["within"], options["stable_for"], max(options["interval"], 0.1))
