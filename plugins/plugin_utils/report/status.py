# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The view of a run that only looked."""

from __future__ import annotations

import re
import typing as t

from ..activation.info import Drift
from ..core.text import SHORT, size
from .table import NOTHING, State, View

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from .records import HostRecord

# What is done to a machine while somebody holds its lock, by the kind of the lock.
_DOING = {"collection": "its garbage is being collected", "reboot": "being rebooted"}
# A store with less than this share of its file system left is about to be in the way.
LITTLE_ROOM = 0.05
_HASH = re.compile(r"/nix/store/([0-9a-z]{7})[0-9a-z]{25}-")


def _row(host: HostRecord) -> tuple[str, ...]:
    facts = host.facts or {}
    return (
        host.host,
        _state(host).text,
        str(facts.get("platform") or NOTHING),
        NOTHING if facts.get("generation") is None else str(facts["generation"]),
        _since(facts),
        _revision(facts),
        NOTHING if facts.get("store_free_bytes") is None else size(int(facts["store_free_bytes"])),
    )


def _revision(facts: Mapping[str, t.Any]) -> str:
    """Return what was deployed, whether it was committed, and how far it is from what is checked out."""
    known = facts.get("revision") or {}
    if not known.get("deployed"):
        return NOTHING
    text = str(known["deployed"])[:SHORT] + ("+" if known.get("dirty") else "")
    distances = [f"{sign}{known[name]}" for name, sign in (("behind", "-"), ("ahead", "+")) if known.get(name)]
    return " ".join([text, *distances])


def _since(facts: Mapping[str, t.Any]) -> str:
    dates = [each.get("date") for each in facts.get("generations") or () if each.get("current")]
    return str(dates[0])[:10] if dates and dates[0] else NOTHING


def _state(host: HostRecord) -> State:
    facts = host.facts
    if facts is None or host.failure is not None:
        unreachable = host.outcome == "unreachable"
        return State(host.outcome or "failed", "unreachable" if unreachable else "failed")
    if _is_locked(facts):
        return State("deploying", "changed")
    if facts.get("interrupted"):
        return State("failed", "failed")
    if facts.get("generation") is None:
        return State("undeployed", "changed")
    if facts.get("drift"):
        return State("drifted", "changed")
    if facts.get("units_failed"):
        return State("failed", "failed")
    if _last_failure(facts):
        last = facts["journal"][-1]
        return State("rolled back", "changed") if last.get("outcome") == "rolled_back" else State("failed", "failed")
    if (facts.get("revision") or {}).get("behind"):
        return State("behind", "changed")
    return State(
        "ok", "changed" if facts.get("reboot_required") or _boots_another(facts) or _little_room(facts) else "ok"
    )


def _is_locked(facts: Mapping[str, t.Any]) -> bool:
    return bool((facts.get("lock") or {}).get("alive"))


def _boots_another(facts: Mapping[str, t.Any]) -> bool:
    running, default = facts.get("current_system"), facts.get("default")
    return bool(running and default and running != default and not facts.get("specialisation"))


def _little_room(facts: Mapping[str, t.Any]) -> bool:
    free, total = facts.get("store_free_bytes"), facts.get("store_total_bytes")
    return free is not None and total is not None and free < LITTLE_ROOM * total


def _last_failure(facts: Mapping[str, t.Any]) -> str | None:
    """Return how the last deployment failed, if it did: deploying again would do something."""
    last = (facts.get("journal") or [{}])[-1]
    if last.get("units_failed"):
        return f"the last deployment left failed units: {', '.join(last['units_failed'])}"
    if last.get("outcome") in (None, "activated", "confirmed", "unchanged"):
        return None
    why = f": {last['cause']}" if last.get("cause") else ""
    return f"the last deployment ended {str(last['outcome']).replace('_', ' ')}{why}"


def _last_deployment(entry: Mapping[str, t.Any]) -> str:
    """Return who deployed last, when, in which run, and what."""
    verb = "found up to date" if entry.get("outcome") == "unchanged" else "deployed"
    who = "@".join(str(entry[field]) for field in ("user", "controller") if entry.get(field))
    parts = [f"{verb} {entry.get('started') or 'once'}{who and f' by {who}'}"]
    if isinstance(job := entry.get("job"), dict):
        parts.append(str(job.get("name")))
    if entry.get("rollback"):
        parts.append(f"back to {entry['rollback']}")
    if entry.get("run"):
        parts.append(f"run {entry['run']}")
    if entry.get("revision"):
        parts.append(f"revision {str(entry['revision'])[:12]}")
    if entry.get("dirty"):
        parts.append("uncommitted changes")
    return ", ".join(parts)


def _notes(host: HostRecord) -> list[str]:
    facts = host.facts or {}
    notes = []
    if _is_locked(facts):
        lock = facts["lock"]
        doing = _DOING.get(str(lock.get("kind")), "being deployed")
        notes.append(f"{doing} by {lock.get('holder')} since {lock.get('started')}, {lock.get('id')}")
        if lock.get("awaits_seconds") == 0:
            process = lock.get("process")
            notes[-1] += (
                ", its time to be confirmed is over; if it stays so, its supervisor does not answer: look at it"
                f" (ps -o stat,etime,args -p {process}), it may have been stopped (kill -CONT {process})"
            )
        elif lock.get("awaits_seconds") is not None:
            notes[-1] += f", confirmed within {lock['awaits_seconds']} s or gone back from"
    if facts.get("interrupted"):
        notes.append("the last deployment ended without finishing; deploy again, which makes up for it")
    if failure := _last_failure(facts):
        notes.append(failure)
    if facts.get("drift") and not _is_locked(facts) and not facts.get("interrupted"):
        notes.append(f"{Drift(**facts['drift']).text}: somebody else has changed it; deploy again, or find out who")
    if facts.get("units_failed"):
        notes.append(f"failed units: {', '.join(map(str, facts['units_failed']))}")
    notes += _kernel(facts) or (["only a reboot brings all of it into use"] if facts.get("reboot_required") else [])
    if _little_room(facts):
        notes.append(f"the store has {size(facts['store_free_bytes'])} left of {size(facts['store_total_bytes'])}")
    notes += _distance(facts.get("revision") or {})
    if facts.get("specialisation"):
        notes.append(f"runs the specialisation {facts['specialisation']} of what it boots")
    if _boots_another(facts) and not _is_locked(facts):
        notes.append(f"runs {facts['current_system']}, boots {facts['default']}")
    # Two systems of one machine have the same name: the beginning of the hash tells them apart.
    notes = [_HASH.sub(r"\1-", note) for note in notes]
    return [*notes, *map(_last_deployment, (facts.get("journal") or [])[-1:])]


def _kernel(facts: Mapping[str, t.Any]) -> list[str]:
    kernel = facts.get("kernel") or {}
    running, current = kernel.get("running"), kernel.get("current")
    if not running or not current or running == current:
        return []
    return [f"runs the kernel {running}; its system has {current}, from the next boot on"]


def _distance(revision: Mapping[str, t.Any]) -> list[str]:
    notes = []
    if revision.get("behind"):
        notes.append(f"{_commits(revision['behind'])} behind {str(revision['current'])[:SHORT]}")
    if revision.get("ahead"):
        notes.append(f"has {_commits(revision['ahead'])} that the flake here does not have")
    if revision.get("unknown"):
        notes.append(f"cannot tell how far behind: {revision['unknown']}")
    return notes


def _commits(count: int) -> str:
    return "1 commit" if count == 1 else f"{count} commits"


STATUS = View(("host", "state", "platform", "generation", "since", "revision", "free"), _row, _state, _notes)
