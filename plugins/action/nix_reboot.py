# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reboot a machine, and see that it comes back on the right system."""

from __future__ import annotations

import typing as t

from ..plugin_utils.ansible.action import NixAction
from ..plugin_utils.ansible.activation import origin, renewable
from ..plugin_utils.ansible.run import new_name
from ..plugin_utils.ansible.shell import FreshLink
from ..plugin_utils.core.errors import RebootError
from ..plugin_utils.core.text import duration
from ..plugin_utils.nix.store import store_path_name
from ..plugin_utils.platforms.platform import platforms
from ..plugin_utils.reboot.reboot import Reboot, Request, reboot

# Longer than a machine that is starting may take to answer, and than a line that is silent is given.
STATE_SECONDS = 30.0
# The request is sent again then, and has its answer from the first time.
ASK_SECONDS = 60.0


class ActionModule(NixAction):
    """See the documentation of the module of the same name."""

    def perform(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """See ``NixAction.perform``."""
        request = self._request(options)
        if not request.platform.reboots:
            return {
                "changed": False,
                "rebooted": False,
                "required": False,
                "msg": f"{request.platform.name} has nothing that only a reboot brings into use",
            }
        if self._connection.transport == "local":
            raise RebootError(
                "this would reboot the controller, in the middle of its work",
                code="controller",
                advice="reboot it by hand, or from another machine",
            )
        done = reboot(
            renewable(self, self.shell_within(ASK_SECONDS)),
            FreshLink(self.fresh_shell_within(STATE_SECONDS)),
            request,
            say=self.announce,
        )
        result = {**done.to_result(), "changed": changed(request, done), "msg": message(request, done)}
        if result["units_failed"]:
            result["warnings"] = [f"{self.play_host}: failed units: {', '.join(result['units_failed'])}"]
        return result

    def _request(self, options: dict[str, t.Any]) -> Request:
        return Request(
            id=f"reboot-{new_name()}",
            platform=platforms()[options["platform"]],
            origin=origin(self),
            when=options["when"],
            timeout=options["timeout"],
            closure=options["closure"],
            profile=options["profile"],
            message=options["message"],
            delay=options["delay"],
            check=self.check_mode,
        )


def changed(request: Request, done: Reboot) -> bool:
    """Whether the machine was rebooted, or would be outside of a check."""
    return done.seen is not None or (request.check and (request.when == "always" or bool(done.asked.reasons)))


def message(request: Request, done: Reboot) -> str:
    """Return what became of the machine, or would become of it."""
    name = store_path_name(done.asked.expected) if done.asked.expected else "nothing that was deployed"
    if done.seconds is not None:
        return f"rebooted, and runs {name} again after {duration(done.seconds)}"
    why = f" (changed since it was booted: {', '.join(done.asked.reasons)})" if done.asked.reasons else ""
    if changed(request, done):
        return f"would reboot into {name}{why}"
    return f"no reboot is required: {name} is in use as a whole"
