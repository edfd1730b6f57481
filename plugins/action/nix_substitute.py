# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that a machine could fetch paths from a binary cache; see the module's documentation."""

from __future__ import annotations

import typing as t

from ..plugin_utils.ansible.action import NixAction
from ..plugin_utils.cache.store import ASK_ANEW, parse_store, prove
from ..plugin_utils.core.errors import CacheError
from ..plugin_utils.nix.machine import Remote
from ..plugin_utils.nix.store import store_paths


class ActionModule(NixAction):
    """The action behind ``nix.fleet.nix_substitute``."""

    def perform(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """See ``NixAction.perform``."""
        store = parse_store(options["store"])
        if paths := store_paths(options["paths"], CacheError):
            machine = Remote(self.shell, {**ASK_ANEW, **options["nix_options"]})
            prove(store, paths, machine)
        return {"changed": False, "msg": f"{store.uri} offers all of it"}
