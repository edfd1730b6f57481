# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""nix_builder_info: which remote builders a machine can count on."""

from __future__ import annotations

import typing as t

from ..plugin_utils.ansible.action import NixAction
from ..plugin_utils.ansible.builders import OWN, health_of


class ActionModule(NixAction):
    """See plugins/modules/nix_builder_info.py."""

    known_hosts_only = False
    argument_spec: t.ClassVar[dict[str, t.Any]] = {
        "builders": {"type": "list", "elements": "str", "default": [OWN]},
        "timeout": {"type": "int", "default": 5},
    }

    def perform(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """See ``NixAction.perform``."""
        found = health_of(self, [name for name in options["builders"] if name.strip()], max(options["timeout"], 1))
        usable = [each.builder.line for each in found if each.usable]
        warnings = [each.warning for each in found if each.warning is not None]
        return {
            "changed": False,
            "builders": [each.to_result() for each in found],
            "usable": "\n".join(usable),
            "usable_count": len(usable),
            **({"warnings": warnings} if warnings else {}),
            "msg": f"{len(usable)} of {len(found)} builders can be used" if found else "there are no remote builders",
        }
