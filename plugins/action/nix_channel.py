# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""nix_channel: a host's branch, moved forward to the last commit whose system was built."""

from __future__ import annotations

import random
import time
import typing as t

from ..plugin_utils.ansible.action import NixAction
from ..plugin_utils.ansible.evaluation import absolute_flake, machine_of
from ..plugin_utils.ansible.web import fetch
from ..plugin_utils.channel.channel import (
    Advance,
    Job,
    Proof,
    advance,
    last_success,
    validate_built,
    validate_cached,
    validate_clean,
)
from ..plugin_utils.core.errors import NixError
from ..plugin_utils.core.text import SHORT
from ..plugin_utils.nix.machine import Controller
from ..plugin_utils.update.git import Remote, Repository

PREFIX = "nixos-tested-"
PAUSE_SECONDS = 0.2


class ActionModule(NixAction):
    """See plugins/modules/nix_channel.py."""

    constraints: t.ClassVar[dict[str, t.Any]] = {
        "mutually_exclusive": [["closure", "hydra"], ["revision", "hydra"]],
        "required_one_of": [["closure", "hydra"]],
    }

    def perform(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """See ``NixAction.perform``."""
        branch = f"{PREFIX}{self.play_host}" if options["branch"] is None else options["branch"]
        # Git works on the controller, wherever it was built: the operator's repository and its credentials are there.
        place = absolute_flake(options["repository"], self._loader.get_basedir())
        repository = Repository(Controller(self.environment if self.on_controller else {}), place)
        repository.validate_branch(branch, host=self.play_host)
        if not options["remote"].strip():
            raise NixError(
                "there is no remote to have the branch at",
                code="channel.no_remote",
                advice="name it (remote, or channel_remote of the role): origin, an address or a path",
            )
        proof = self._proof(options)
        machine = machine_of(self, options)
        # In a check, nothing is built on the host itself; elsewhere it is.
        if options["hydra"] is None and not (self.check_mode and self.host == self.play_host):
            validate_built(machine, proof.closure)
        if options["cache"]:
            validate_cached(machine, proof.closure, options["cache"])
        remote = Remote(repository, options["remote"], options["token"])
        self.doing("moving its channel")
        moved = advance(remote, branch, proof.revision, check=self.check_mode, pause=pause)
        return {
            "branch": branch,
            "before": moved.before,
            "after": moved.after,
            "revision": proof.revision,
            "closure": proof.closure,
            "tested_by": proof.word,
            "commits": list(moved.commits),
            "changed": moved.changed,
            "msg": message(branch, moved, proof.revision, would=self.check_mode),
            **({"diff": difference(branch, moved)} if self.diff_mode and moved.changed else {}),
        }

    def _proof(self, options: dict[str, t.Any]) -> Proof:
        hydra = options["hydra"]
        if hydra is None:
            validate_clean(options["revision"], dirty=options["dirty"])
            return Proof(options["revision"], options["closure"], f"this run, on {self.host}")
        given = {name: hydra[name] for name in ("url", "project", "jobset", "job", "timeout", "validate_certs")}
        return last_success(Job(**given, source=hydra["input"]), fetch)


def pause(attempt: int) -> None:
    """Let whoever moves the branch at the same time be done; not all of them for equally long."""
    time.sleep(random.uniform(0, PAUSE_SECONDS * attempt))


def message(branch: str, moved: Advance, revision: str, *, would: bool) -> str:
    """Return what became of the branch, as a message."""
    if moved.behind:
        return f"{branch} stays at {moved.after[:SHORT]}, which is newer than {revision[:SHORT]}"
    if not moved.changed:
        return f"{branch} is at {moved.after[:SHORT]}"
    verb = "would move" if would else "moved"
    if moved.before is None:
        return f"{branch} {'would begin' if would else 'begins'} at {moved.after[:SHORT]}"
    return f"{branch} {verb} from {moved.before[:SHORT]} to {moved.after[:SHORT]}"


def difference(branch: str, moved: Advance) -> dict[str, str]:
    """Return the move as Ansible shows differences."""
    commits = "".join(f"{commit}\n" for commit in moved.commits)
    return {
        "before": "" if moved.before is None else f"{branch}: {moved.before[:SHORT]}\n",
        "after": f"{branch}: {moved.after[:SHORT]}\n{commits}",
        "before_header": branch,
        "after_header": branch,
    }
