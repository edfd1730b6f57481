# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""nix_compare: what is to be built for a host, and whether the host runs it already."""

from __future__ import annotations

import dataclasses
import time
import typing as t

from ..plugin_utils.activation.intention import BUILD, see_that_it_can_be
from ..plugin_utils.activation.request import Request
from ..plugin_utils.ansible.action import NixAction
from ..plugin_utils.ansible.activation import (
    TARGET_OPTIONS,
    asked,
    awaited,
    needed,
    origin,
    renewable,
    target_of,
    unchanged,
)
from ..plugin_utils.ansible.evaluation import EVALUATION_OPTIONS, evaluated
from ..plugin_utils.ansible.host_keys import see_that_host_keys_are_checked
from ..plugin_utils.ansible.options_from import OPTIONS_FROM
from ..plugin_utils.ansible.run import new_name
from ..plugin_utils.ansible.source import SOURCE_OPTIONS, controller, source_on_controller
from ..plugin_utils.core.errors import NixError
from ..plugin_utils.platforms.platform import GOALS

# Goes with every other request too, and stands for the closure that is not known yet.
NOT_YET = "previous"


class ActionModule(NixAction):
    """See plugins/modules/nix_compare.py."""

    argument_spec: t.ClassVar[dict[str, t.Any]] = {
        **OPTIONS_FROM,
        **SOURCE_OPTIONS,
        **EVALUATION_OPTIONS,
        **TARGET_OPTIONS,
        "attr": {"type": "str", "required": True},
        "goal": {"type": "str", "default": "switch", "choices": [*GOALS, BUILD]},
        "ask": {"type": "bool", "default": True},
    }
    constraints: t.ClassVar[dict[str, t.Any]] = {
        "mutually_exclusive": [["flake", "file"]],
        "required_one_of": [["flake", "file"]],
        "required_if": [["platform", "custom", ["profile", "activate"]]],
    }

    def perform(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """Evaluate on the controller, and ask the host unless that is not wanted or there is nothing to ask for."""
        intention = {
            "builder": options["source_host"],
            **{name: options[name] for name in ("goal", "platform")},
        }
        see_that_it_can_be(intention, self.variables["hostvars"])
        request = None if options["goal"] == BUILD else self._request(options)
        if request is not None:
            # Before anything is evaluated and built for it.
            see_that_host_keys_are_checked(self)
        found = evaluated(self, options, source_on_controller(self, options), controller(self, options))
        if request is None or not options["ask"] or found["out_path"] is None:
            return {**found, "activation": None}
        begin = time.monotonic()
        try:
            activation = self._compared(dataclasses.replace(request, closure=found["out_path"], rollback=None), options)
        except NixError as error:
            error.details["asked_seconds"] = round(time.monotonic() - begin, 2)
            raise
        warnings = [*found.get("warnings", ()), *activation.pop("warnings", ())]
        return {
            **found,
            **({"warnings": warnings} if warnings else {}),
            "activation": activation,
            "asked_seconds": round(time.monotonic() - begin, 2),
            "msg": f"{found['msg']}; {activation['msg']}",
        }

    def _request(self, options: dict[str, t.Any]) -> Request:
        """Return what would be asked of the host; what cannot be is said before anything is evaluated."""
        return Request(
            id=new_name(),
            origin=origin(self),
            **target_of(options),
            rollback=NOT_YET,
            confirm_timeout=awaited(options),
            check=self.check_mode,
        )

    def _compared(self, request: Request, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return what nix_activate would return of a host that has nothing to do, or that there is something to do."""
        self.doing("asking what it runs")
        before_copy = options["source_host"] != self.host
        answer = asked(self, request, before_copy=before_copy)
        if answer is None:
            return needed(request)
        link = renewable(self, self.questions)
        return unchanged(self, link, request, answer, options["source_host"], before_copy=before_copy)
