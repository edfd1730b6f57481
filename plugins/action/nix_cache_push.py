# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gives a store that others fetch from what a run built, signed; see the module's documentation."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ..plugin_utils.ansible.action import NixAction, following
from ..plugin_utils.ansible.evaluation import absolute_path, machine_of
from ..plugin_utils.cache.push import NotHereError, Push, Survey
from ..plugin_utils.cache.store import ASK_ANEW, parse_store
from ..plugin_utils.copy.copying import CopyLog
from ..plugin_utils.core.errors import CacheError
from ..plugin_utils.core.text import counted, size
from ..plugin_utils.nix.store import store_paths


class ActionModule(NixAction):
    """The action behind ``nix.fleet.nix_cache_push``."""

    def perform(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """Ask the store what it lacks, and push that."""
        paths = store_paths(options["paths"], CacheError)
        if not paths:
            return _report(options["store"], {}, (), None, check=self.check_mode)
        key_file = options["secret_key_file"]
        if key_file and self.on_controller:
            key_file = str(Path(absolute_path(key_file, self._loader.get_basedir())).absolute())
        push = Push(paths, parse_store(options["store"]), key_file)
        machine = machine_of(self, {"nix_options": {**ASK_ANEW, **options["nix_options"]}})
        try:
            survey = push.survey(machine)
            log = CopyLog()
            if not self.check_mode:
                push.carry_out(machine, survey, following(self, log), log)
        except NotHereError:
            if not self.check_mode:
                raise
            # Nothing was built in a check.
            return _report(push.store.uri, dict.fromkeys(paths, 0), (), None, check=True)
        return self._shown(_pushed(push, survey, log, check=self.check_mode))

    def _shown(self, result: dict[str, t.Any]) -> dict[str, t.Any]:
        if not self.diff_mode:
            return result
        lines = [f"{path}\n" for path in result["pushed_paths"]]
        lines += [f"{path} (signature)\n" for path in result["signed_paths"]]
        return {**result, "diff": {"before": "", "after": "".join(lines), "after_header": result["store"]}}


def _pushed(push: Push, survey: Survey, log: CopyLog, *, check: bool) -> dict[str, t.Any]:
    """Return the result of a push that is over, or would be."""
    # Somebody else may have pushed some of it meanwhile.
    sent = survey.lack.missing if check else log.sent
    sizes = {path: survey.sizes.get(path, 0) for path in sent}
    public = survey.key.public if survey.key else None
    return _report(push.store.uri, sizes, survey.lack.unsigned, public, check=check)


def _report(
    store: str, sizes: dict[str, int], signed: t.Sequence[str], public: str | None, *, check: bool
) -> dict[str, t.Any]:
    parts = []
    if sizes:
        unsigned = "" if public else ", not signed by this run"
        amount = f" ({size(sum(sizes.values()))})" if any(sizes.values()) else ""
        parts.append(f"{'would push' if check else 'pushed'} {counted(len(sizes), 'path')}{amount}{unsigned}")
    if signed:
        parts.append(
            f"{'would sign' if check else 'signed'} {counted(len(signed), 'path')} that {'was' if len(signed) == 1 else 'were'} there"
        )
    return {
        "changed": bool(sizes or signed),
        "store": store,
        "pushed_paths": list(sizes),
        "pushed_count": len(sizes),
        "pushed_bytes": sum(sizes.values()),
        "signed_paths": list(signed),
        "public_key": public,
        "msg": ", ".join(parts) or "everything is there already",
    }
