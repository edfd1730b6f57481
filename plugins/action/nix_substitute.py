# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Has a machine fetch paths from a binary cache, or proves that it could; see the module's documentation."""

from __future__ import annotations

import typing as t

from ..plugin_utils.ansible.action import NixAction
from ..plugin_utils.cache.store import ASK_ANEW, Fetch, parse_store
from ..plugin_utils.copy.store_socket import missing_paths
from ..plugin_utils.core.errors import CacheError
from ..plugin_utils.core.text import counted
from ..plugin_utils.nix.log import NixLog
from ..plugin_utils.nix.machine import Remote
from ..plugin_utils.nix.store import root_name, store_paths


class ActionModule(NixAction):
    """The action behind ``nix.fleet.nix_substitute``."""

    def perform(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """See ``NixAction.perform``."""
        paths = store_paths(options["paths"], CacheError)
        store = parse_store(options["store"]) if options["store"] else None
        if not paths:
            return self._report([], proved=False)
        gc_root = None if self.check_mode else root_name(self.play_host)
        missing = missing_paths(self.questions, paths, gc_root=gc_root)
        machine = Remote(self.shell_within(options["timeout"]), {**ASK_ANEW, **options["nix_options"]})
        fetch = Fetch(paths, store, options["timeout"])
        if store:
            fetch.prove(machine, store)
        log = NixLog()
        if missing:
            self.doing("fetching")
            fetch.carry_out(machine, log.read, log, dry_run=self.check_mode)
            if not self.check_mode and (left := missing_paths(self.questions, paths, gc_root=gc_root)):
                raise CacheError(
                    f"{left[0]} is not there, although Nix says that it was fetched", code="missing", log=log.text
                )
        fetched = (log.to_fetch or missing) if self.check_mode else log.fetched
        return self._report(list(dict.fromkeys(fetched)), proved=store is not None)

    def _report(self, fetched: list[str], *, proved: bool) -> dict[str, t.Any]:
        amount = counted(len(fetched), "path")
        there = "everything is there already" + (", and the store offers it" if proved else "")
        return {
            "changed": bool(fetched),
            "fetched_paths": fetched,
            "fetched_count": len(fetched),
            "msg": f"{'would fetch' if self.check_mode else 'fetched'} {amount}" if fetched else there,
        }
