# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Has a machine's Nix fetch from stores and trust their keys, where that is not its configuration's; see the module's documentation."""

from __future__ import annotations

import typing as t

from ..plugin_utils.ansible_io.action import NixAction
from ..plugin_utils.cache.substituters import PLACES, Configured, Substituters, configure


class ActionModule(NixAction):
    """The action behind ``nix.fleet.nix_substituters``."""

    argument_spec: t.ClassVar[dict[str, t.Any]] = {
        "substituters": {"type": "list", "elements": "str", "default": []},
        "trusted_public_keys": {"type": "list", "elements": "str", "default": []},
        "file": {"type": "str"},
    }

    def perform(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """See ``NixAction.perform``."""
        wanted = Substituters(
            list(dict.fromkeys(options["substituters"])), list(dict.fromkeys(options["trusted_public_keys"]))
        )
        wanted.check()
        done = configure(self.questions, wanted, file=options["file"], check=self.check_mode)
        result = {
            "changed": done.changed or done.interrupted,
            "file": done.file,
            "managed": done.managed,
            "effective": done.there if done.managed else done.believed,
            "module_lines": wanted.module_lines,
            "daemon_restarted": done.restarted,
            "msg": sentence(done, would=self.check_mode),
        }
        if warning := advice(done, wanted):
            result["warnings"] = [f"{self.host}: {warning}"]
        if self.diff_mode and done.changed:
            # Without the comments that are around them.
            before = "".join(line for line in done.before.splitlines(keepends=True) if not line.startswith("#"))
            header = {"before_header": done.file, "after_header": done.file}
            result["diff"] = {"before": before, "after": wanted.lines, **header}
        return result


def sentence(done: Configured, *, would: bool) -> str:
    """Return what became of the file."""
    if done.managed:
        has = "has all of it" if done.there else "does not have all of it"
        return f"{done.file} is part of {PLACES.get(done.managed, 'a configuration')}, which {has}"
    if done.interrupted:
        restarts = "would restart" if would else "restarted" if done.restarted else "there was no need to restart"
        return f"{done.file} says so already; {restarts} the Nix daemon, since an interrupted run had not"
    if not done.changed:
        return f"{done.file} says so already"
    return f"{'would change' if would else 'changed'} {done.file}{' and restarted the Nix daemon' if done.restarted else ''}"


def advice(done: Configured, wanted: Substituters) -> str | None:
    """Return what is left to somebody else to do, if anything is."""
    if done.managed and not done.there:
        return f"put this into {PLACES.get(done.managed, 'the configuration that makes ' + done.file)}:\n{wanted.module_lines}"
    if not done.managed and not done.believed:
        return (
            f"the Nix daemon does not trust this user, and pays no heed to {done.file}: escalate (become), or have the owner of the"
            " machine add these settings, or the user to trusted-users"
        )
    if done.to_be_restarted:
        return f"a Nix daemon is there that neither systemd nor launchd has started, and that reads {done.file} when it starts: restart it"
    return None
