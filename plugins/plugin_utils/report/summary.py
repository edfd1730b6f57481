# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table that closes a run: a row for each host, why the failed ones failed, and one line for all of them.

A run that did something has another view than one that only looked.
"""

from __future__ import annotations

import collections
import dataclasses
import re
import typing as t

from ..core.text import SHORT, counted, duration, size
from .records import INTERRUPTED, by_failure
from .table import Line, Meaning, aligned, note, short_paths, wrapped_log

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from .events import Failure
    from .records import HostRecord


NOTHING = "-"


@dataclasses.dataclass(frozen=True)
class State:
    """The state of a host in a word or two, which the closing line counts."""

    text: str
    meaning: Meaning


@dataclasses.dataclass(frozen=True)
class View:
    """The columns of a table, the state of each host, and what deserves a line of its own below it."""

    header: tuple[str, ...]
    row: Callable[[HostRecord], tuple[str, ...]]
    state: Callable[[HostRecord], State]
    notes: Callable[[HostRecord], list[str]]


_WORST_FIRST: tuple[Meaning, ...] = ("failed", "unreachable", "changed")
_MEANINGS: dict[str, Meaning] = {"unchanged": "ok", "evaluated": "ok", "unreachable": "unreachable"}


def _row(host: HostRecord) -> tuple[str, ...]:
    before, after = (NOTHING if each is None else str(each) for each in (host.generation_before, host.generation_after))
    return (
        host.host,
        _state(host).text,
        before if after in (NOTHING, before) else f"{before} → {after}",
        NOTHING if host.copied_bytes is None else size(host.copied_bytes),
        duration(host.seconds),
    )


def _state(host: HostRecord) -> State:
    if host.outcome is None:
        return State("looked at" if host.looked_at else "nothing done", "ok")
    if host.failure is not None and host.outcome != "unreachable":
        return State(host.outcome, "failed")
    return State(host.outcome, _MEANINGS.get(host.outcome, "changed"))


def _notes(host: HostRecord) -> list[str]:
    notes = [short_paths(host.note)] if host.note and host.failure is None else []
    # Of a run that only builds.
    if host.out_path and host.outcome in ("built", "unchanged") and host.generation_before is None:
        notes.append(host.out_path)
    if host.undone and host.outcome != "undone":
        notes.append("what this run did was undone")
    if host.down_seconds is not None:
        notes.append(f"rebooted, and up again after {duration(host.down_seconds)}")
    if host.reboot_required:
        notes.append("only a reboot brings all of it into use")
    if host.units_failed and host.failure is None:
        notes.append(f"failed units: {', '.join(host.units_failed)}")
    return notes


DEPLOYMENT = View(("host", "outcome", "generation", "copied", "time"), _row, _state, _notes)


# What is done to a machine while somebody holds its lock, by the kind of the lock.
_DOING = {"collection": "its garbage is being collected", "reboot": "being rebooted"}
# A store with less than this share of its file system left is about to be in the way.
LITTLE_ROOM = 0.05
_HASH = re.compile(r"/nix/store/([0-9a-z]{7})[0-9a-z]{25}-")


def _status_row(host: HostRecord) -> tuple[str, ...]:
    facts = host.facts or {}
    return (
        host.host,
        _status(host).text,
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


def _status(host: HostRecord) -> State:
    if host.facts is None or host.failure is not None:
        return State(host.outcome or "failed", "unreachable" if host.outcome == "unreachable" else "failed")
    return next((state for state, _note in _findings(host.facts) if state), State("ok", "ok"))


_FAILED = State("failed", "failed")
# Somebody may want to see to it.
_NOTED = State("ok", "changed")


def _findings(facts: Mapping[str, t.Any]) -> Iterator[tuple[State | None, str]]:
    """Yield what there is to say of a host, what matters most first: the state that it means, if it does, and a note."""
    running, default, free = (facts.get(name) for name in ("current_system", "default", "store_free_bytes"))
    lock, revision = facts.get("lock") or {}, facts.get("revision") or {}
    interrupted = facts.get("interrupted")
    if lock.get("alive"):
        yield State("deploying", "changed"), _deploying(lock)
    if interrupted:
        yield _FAILED, "the last deployment ended without finishing; deploy again, which makes up for it"
    if facts.get("generation") is None:
        yield State("undeployed", "changed"), ""
    if drift := facts.get("drift"):
        from ..activation.info import Drift

        text = f"{Drift(**drift).text}: somebody else has changed it; deploy again, or find out who"
        yield State("drifted", "changed"), "" if lock.get("alive") or interrupted else text
    if facts.get("units_failed"):
        yield _FAILED, f"failed units: {', '.join(map(str, facts['units_failed']))}"
    last = (facts.get("journal") or [{}])[-1]
    if failure := _last_failure(last):
        yield State("rolled back", "changed") if last.get("outcome") == "rolled_back" else _FAILED, failure
    if revision.get("behind"):
        yield (
            State("behind", "changed"),
            f"{counted(revision['behind'], 'commit')} behind {str(revision['current'])[:SHORT]}",
        )
    if revision.get("ahead"):
        yield None, f"has {counted(revision['ahead'], 'commit')} that the flake here does not have"
    if revision.get("unknown"):
        yield None, f"cannot tell how far behind: {revision['unknown']}"
    kernel = facts.get("kernel") or {}
    if kernel.get("running") and kernel.get("current") not in (None, "", kernel["running"]):
        text = f"runs the kernel {kernel['running']}; its system has {kernel['current']}, from the next boot on"
        yield _NOTED if facts.get("reboot_required") else None, text
    elif facts.get("reboot_required"):
        yield _NOTED, "only a reboot brings all of it into use"
    if free is not None and free < LITTLE_ROOM * (facts.get("store_total_bytes") or 0):
        yield _NOTED, f"the store has {size(free)} left of {size(facts['store_total_bytes'])}"
    if facts.get("specialisation"):
        yield None, f"runs the specialisation {facts['specialisation']} of what it boots"
    elif running and default and running != default:
        yield _NOTED, "" if lock.get("alive") else f"runs {running}, boots {default}"


def _deploying(lock: Mapping[str, t.Any]) -> str:
    doing = _DOING.get(str(lock.get("kind")), "being deployed")
    note = f"{doing} by {lock.get('holder')} since {lock.get('started')} (id {lock.get('id')})"
    left, process = lock.get("awaits_seconds"), lock.get("process")
    if left == 0:
        return (
            f"{note}, its time to be confirmed is over; if it stays so, its supervisor does not answer: look at it"
            f" (`ps -o stat,etime,args -p {process}`), it may have been stopped (`kill -CONT {process}`)"
        )
    return note if left is None else f"{note}; without a confirmation it goes back in {left} s"


def _last_failure(last: Mapping[str, t.Any]) -> str | None:
    """Return how the last deployment failed, if it did: deploying again would do something."""
    if last.get("units_failed"):
        return f"the last deployment left failed units: {', '.join(last['units_failed'])}"
    if last.get("outcome") in (None, "activated", "confirmed", "unchanged"):
        return None
    why = f": {last['cause']}" if last.get("cause") else ""
    return f"the last deployment ended {str(last['outcome']).replace('_', ' ')}{why}"


def _last_deployment(entry: Mapping[str, t.Any], known: Mapping[str, t.Any]) -> str:
    """Return who deployed last, when, in which run, and what, unless it is what the row says: ``known``."""
    verb = "found up to date" if entry.get("outcome") == "unchanged" else "deployed"
    who = "@".join(str(entry[field]) for field in ("user", "controller") if entry.get(field))
    parts = [f"{verb} {entry.get('started') or 'once'}{who and f' by {who}'}"]
    if isinstance(job := entry.get("job"), dict):
        parts.append(str(job.get("name")))
    if entry.get("rollback"):
        parts.append(f"back to {entry['rollback']}")
    if entry.get("run"):
        parts.append(f"run {entry['run']}")
    revision = str(entry.get("revision") or "")[:SHORT]
    if (revision, bool(entry.get("dirty"))) != (str(known.get("deployed"))[:SHORT], bool(known.get("dirty"))):
        parts += [f"revision {revision}"] if revision else []
        parts += ["uncommitted changes"] if entry.get("dirty") else []
    return ", ".join(parts)


def _status_notes(host: HostRecord) -> list[str]:
    facts = host.facts or {}
    # Two systems of one machine have the same name: the beginning of the hash tells them apart.
    notes = [_HASH.sub(r"\1-", note) for _state, note in _findings(facts) if note] if facts else []
    last = [_last_deployment(entry, facts.get("revision") or {}) for entry in (facts.get("journal") or [])[-1:]]
    return [*notes, *last]


STATUS = View(("host", "state", "platform", "gen", "since", "revision", "free"), _status_row, _status, _status_notes)


# Ansible has printed the whole failure already; here it is enough to recognise it.
LOG_LINES = 6


def summary(
    hosts: Sequence[HostRecord], width: int, seconds: float, *, whole: bool = True, options: str = ""
) -> list[Line]:
    """Return the closing report of a run that took ``seconds``; another of the same fleet takes ``options``.

    ``whole`` says that nothing has told yet why hosts failed; else their failures are named, and no more.
    """
    if not hosts:
        return []
    view = view_of(hosts)
    states = [view.state(host) for host in hosts]
    header, *rows = aligned([view.header, *(view.row(host) for host in hosts)], width)
    lines = [Line(header)]
    alike = by_failure(hosts)
    for host, state, row in zip(hosts, states, rows, strict=True):
        lines += [Line(line, state.meaning) for line in row.split("\n")]
        for text in view.notes(host):
            lines += note(text, width, "plain" if state.meaning == "ok" else "changed")
        if host.failure is not None and host.host == alike[host.failure][0]:
            lines += (
                why(host.failure, width, state.meaning) if whole else note(host.failure.headline, width, state.meaning)
            )
            if others := alike[host.failure][1:]:
                lines += note(f"the same: {', '.join(others)}", width)
    for command in undo_commands(hosts, options):
        lines += [Line(""), Line(f"undo: {command}")]
    meanings = {state.meaning for state in states}
    worst: Meaning = next((each for each in _WORST_FIRST if each in meanings), "ok")
    return [*lines, Line(""), Line(closing(states, seconds), worst)]


def view_of(hosts: Sequence[HostRecord]) -> View:
    """Return the view for what the run did: it only looked where no host got further than a failure."""
    looked = any(host.facts is not None for host in hosts)
    only = all(host.outcome in (None, "failed", "unreachable", INTERRUPTED) for host in hosts)
    return STATUS if looked and only else DEPLOYMENT


def undo_commands(hosts: Iterable[HostRecord], options: str = "") -> list[str]:
    """Return the command that takes back what the run has done, where a host has something to go back to: one for each run."""
    runs = dict.fromkeys(
        host.run for host in hosts if host.run and host.activated and host.generation_before is not None
    )
    return [f"ansible-playbook nix.fleet.rollback -e rollback_to=before:{run}{options}" for run in runs]


def closing(states: Sequence[State], seconds: float) -> str:
    """Return the run in one line: ``7 hosts: 5 activated, 1 unchanged, 1 failed (45 s)``."""
    counts = collections.Counter(state.text for state in states)
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())
    return f"{counted(len(states), 'host')}: {outcomes} ({duration(seconds)})"


def why(failure: Failure, width: int, meaning: Meaning, *, log_lines: int = LOG_LINES) -> list[Line]:
    """Return why a host failed, to stand below its line, and what to do about it."""
    lines = note(failure.headline, width, meaning)
    if failure.origin:
        lines += note(f"at {failure.origin}", width)
    details = [line for line in failure.details.rstrip().splitlines() if line.strip()][-log_lines:]
    if failure.log:
        lines += wrapped_log(details, width, indent="      ")
    else:
        lines += [part for line in details for part in note(line, width, indent="      ")]
    if failure.advice:
        lines += note(f"next: {failure.advice}", width)
    return lines
