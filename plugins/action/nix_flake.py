# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""nix_flake: what a flake is made of, and its inputs as they are now."""

from __future__ import annotations

import time
import typing as t

from ..plugin_utils.ansible.action import NixAction
from ..plugin_utils.ansible.evaluation import absolute_flake, machine_for_secrets, machine_of
from ..plugin_utils.core.errors import NixError
from ..plugin_utils.core.text import SHORT, harmless
from ..plugin_utils.evaluation.sending import is_of_controller
from ..plugin_utils.nix.closure_diff import ClosureDiff
from ..plugin_utils.update.git import Remote
from ..plugin_utils.update.lock import Locked, Move, answer, message, metadata_result, parse_lock, sources
from ..plugin_utils.update.update import (
    Committed,
    Draft,
    Place,
    addresses,
    archive_command,
    check_command,
    commit_here,
    drafted,
    metadata_command,
    push_for_review,
    validate_clean,
)

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ..plugin_utils.core.process import Completed
    from ..plugin_utils.nix.machine import Machine


class ActionModule(NixAction):
    """See plugins/modules/nix_flake.py."""

    constraints: t.ClassVar[dict[str, t.Any]] = {"mutually_exclusive": [["commit", "branch"], ["inputs", "lock"]]}

    def perform(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """See ``NixAction.perform``."""
        begin = time.monotonic()
        validate_options(options)
        machine = machine_of(self, options) if options["token"] is None else machine_for_secrets(self, options)
        flake = absolute_flake(options["flake"], self._loader.get_basedir()) if self.on_controller else options["flake"]
        result = (
            self._updated(machine, flake, options) if options["update"] else self._as_it_is(machine, flake, options)
        )
        return {**result, "seconds": round(time.monotonic() - begin, 2)}

    def _as_it_is(self, machine: Machine, flake: str, options: dict[str, t.Any]) -> dict[str, t.Any]:
        looked = self._looked_at(machine, flake, None, options)
        return {"changed": False, "msg": f"{flake} is as it was", **looked}

    def _updated(self, machine: Machine, flake: str, options: dict[str, t.Any]) -> dict[str, t.Any]:
        if not is_of_controller(flake):
            raise NixError(
                f"only a flake in a directory can be updated, not {flake}",
                code="update.no_directory",
                advice="give the path of a clone of it, absolute or (on the controller) beginning with a dot",
            )
        place = Place(machine, flake)
        commits = bool(options["commit"] or options["branch"])
        if commits:
            parse_lock(place.read(), place.lock)
            validate_clean(place)
        self.doing("updating the flake's inputs")
        with drafted(
            place,
            options["inputs"],
            options["lock"],
            options["lock_of"],
            since_commit=commits,
        ) as draft:
            looked = self._looked_at(machine, flake, draft.new, options)
            return {**looked, **self._done(draft, options, looked)}

    def _done(self, draft: Draft, options: dict[str, t.Any], looked: dict[str, t.Any]) -> dict[str, t.Any]:
        """Put the lock file in place or on a branch, and return what became of it."""
        text = message(draft.moved, host_changes(options["host_changes"]))
        urls = addresses(draft.place, draft.moved)
        committed = self._kept(draft, options, text)
        moved = [move_result(move, urls) for move in draft.moved]
        return {
            "moved": moved,
            "override_inputs": {move["name"]: move["after"]["url"] for move in moved if move["after"]},
            "lock": draft.text_new,
            "lock_of": draft.beginning,
            "message": text if draft.moved else "",
            "commit": committed.revision,
            "branch": committed.branch,
            "changed": committed.changed,
            "msg": result_message(draft.moved, committed, would=self.check_mode, lock_alone=draft.differs),
            **({"diff": difference(draft)} if self.diff_mode and draft.moved else {}),
        }

    def _kept(self, draft: Draft, options: dict[str, t.Any], text: str) -> Committed:
        if options["branch"]:
            if not draft.moved:
                return Committed(None, None, changed=False)
            remote = Remote(draft.place.repository, options["remote"], options["token"])
            return push_for_review(draft, text, options["branch"], remote, check=self.check_mode)
        if self.check_mode:
            return Committed(None, None, changed=draft.differs or bool(options["commit"] and draft.moved))
        draft.put_in_place()
        if options["commit"] and draft.moved:
            return commit_here(draft, text)
        return Committed(None, None, changed=draft.differs)

    def _looked_at(self, machine: Machine, flake: str, lock: str | None, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return what the flake is, and that its checks hold; nothing is in place yet that would have to go again."""
        data = answer(
            machine.run(metadata_command(flake, lock)),
            f"{flake} is no flake that Nix can read",
            "see what Nix says; a path needs a flake.nix that Git knows of (git add)",
        )
        result: dict[str, t.Any] = {"metadata": metadata_result(data)}
        if options["check"]:
            self.doing("checking the flake")
            gate(machine.run(check_command(flake, lock)), updated=lock is not None)
        if options["archive"]:
            self.doing("fetching the flake's inputs")
            archived = answer(
                machine.run(archive_command(flake, lock)),
                "the flake and its inputs cannot be had in the store",
                "see what Nix says: an address that cannot be reached from here, or a token that is missing",
            )
            result["sources"] = sources(archived)
        return result


def validate_options(options: dict[str, t.Any]) -> None:
    """Refuse options that mean something of an update alone, where there is none."""
    for name in ("inputs", "lock", "lock_of", "commit", "branch", "host_changes"):
        if options[name] and not options["update"]:
            raise NixError(
                f"{name} is of an update, and there is none", code="update.bad_option", advice="set update: true"
            )


def host_changes(changes: dict[str, t.Any]) -> str:
    """Return what changes on each host, those together on which the same does."""
    alike: dict[str, list[str]] = {}
    for host, change in changes.items():
        try:
            alike.setdefault(ClosureDiff.from_result(change).text, []).append(host)
        except (LookupError, TypeError, ValueError) as error:
            raise NixError(
                f"host_changes: what changes on {host} is not what a task of nix_activate said",
                code="update.bad_option",
                advice="give its closure_diff, which is there when the run shows differences (--diff)",
            ) from error
    told = [f"{', '.join(hosts)}:\n{text or 'nothing changes'}".rstrip() for text, hosts in alike.items()]
    return harmless("\n\n".join(told))


def gate(done: Completed, *, updated: bool) -> None:
    """Raise ``NixError`` for a flake whose checks do not hold."""
    if not done.ok:
        what = "the flake's checks do not hold with the updated inputs: nothing was changed"
        raise NixError(
            what if updated else "the flake's checks do not hold",
            code="update.check",
            command=done.argv,
            log=done.stderr,
            advice="see what failed; update fewer inputs at a time (update_inputs) to find which one it is"
            if updated
            else None,
        )


def move_result(move: Move, urls: dict[str, str]) -> dict[str, t.Any]:
    """Return what moved as the value of a module's result."""

    def end(locked: Locked | None) -> dict[str, t.Any] | None:
        if locked is None:
            return None
        return {"revision": locked.revision, "date": locked.date, "url": urls.get(locked.key)}

    return {
        "name": move.name,
        "kind": move.kind,
        "before": end(move.before),
        "after": end(move.after),
        "text": move.text,
    }


def result_message(moved: Sequence[Move], committed: Committed, *, would: bool, lock_alone: bool) -> str:
    """Return what became of the update, as a message."""
    if not moved:
        return "the lock file is written anew, no input moved" if lock_alone else "all inputs are as new as they can be"
    names = ", ".join(move.name for move in moved[:5]) + (f" and {len(moved) - 5} more" if len(moved) > 5 else "")
    if committed.branch and not committed.changed:
        return f"{committed.branch} proposes this update already: {names}"
    verb = "would move" if would else "moved"
    if committed.revision:
        return f"{verb} {names}: commit {committed.revision[:SHORT]} on {committed.branch or 'no branch'}"
    return f"{verb} {names}"


def difference(draft: Draft) -> dict[str, str]:
    """Return what moves, as Ansible shows differences."""
    before = [f"{move.name}: {move.before.text}\n" for move in draft.moved if move.before]
    after = [f"{move.name}: {move.after.text}\n" for move in draft.moved if move.after]
    return {
        "before": "".join(before),
        "after": "".join(after),
        "before_header": "flake.lock",
        "after_header": "flake.lock",
    }
