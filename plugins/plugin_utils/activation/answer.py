# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a target says of an activation, read without trusting it."""

from __future__ import annotations

import dataclasses
import json
import re
import typing as t

from ..nix.store import store_path
from ..target.programs import fields_and_log, number

OUTCOMES = frozenset(
    (
        "unchanged",
        "activated",
        "awaiting",
        "confirmed",
        "rolled_back",
        "rollback_failed",
        "superseded",
        "failed",
        "refused",
        "unknown",
    )
)
GOOD = frozenset(("unchanged", "activated", "awaiting", "confirmed"))
# What stays of these can be gone back from.
CHANGED = frozenset(("activated", "confirmed"))
NOUNS = frozenset(("system", "home", "profile"))
# The code of a host whose journal has nothing of what a rollback names.
NOT_IN_JOURNAL = "not_in_journal"

CODE = re.compile("[a-z_]{1,40}")
# What the target's log has between the words of two steps: the name of a function of ours, for those who mend that.
STEP_NAME = re.compile(r"^(?:\n?== [a-z]+_[a-z_]+(?: .*)?(?:\n|$))+", re.MULTILINE)
# A machine writes lines of about a kilobyte.
LONGEST_ENTRY = 1 << 16


@dataclasses.dataclass(frozen=True)
class CurrentState:
    """What a profile stands at and what runs."""

    generation: int | None
    closure: str | None
    running: str | None

    def to_result(self) -> dict[str, t.Any]:
        """Return the fields as the value of a module's result."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Answer:
    """How a deployment ended.

    ``code`` is why the target refused it, where it has a word for that. ``status`` is what the end of the platform's
    program meant. ``noun`` is what its closures are called.
    ``step_log`` is what the step printed that failed, or in which units failed; ``log`` is the end of all that was printed.
    """

    outcome: str
    previous: CurrentState
    now: CurrentState
    closure: str | None = None
    boots: str | None = None
    profile: str | None = None
    cause: str = ""
    code: str | None = None
    advice: str | None = None
    exit_code: int | None = None
    status: str | None = None
    loader_failed: bool = False
    units_failed: tuple[str, ...] = ()
    reboot_required: bool = False
    seconds: int | None = None
    confirmation_taken: bool = False
    silent: bool = False
    warnings: tuple[str, ...] = ()
    noun: str = "system"
    journal: dict[str, t.Any] | None = None
    step_log: str = ""
    log: str = ""
    log_file: str | None = None

    @property
    def good(self) -> bool:
        """Whether the host is what it was meant to be."""
        return self.outcome in GOOD

    @property
    def failed_units(self) -> str | None:
        """What to say of units that failed, or None when none did; the target knows that without their names too."""
        if self.units_failed:
            return f"these units failed: {', '.join(self.units_failed)}"
        return "units failed, and the log may tell which" if self.status == "units" else None

    def to_result(self) -> dict[str, t.Any]:
        """Return the fields of a module's result."""
        return {
            "outcome": self.outcome,
            "previous": self.previous.to_result(),
            "generation": self.now.generation,
            "default": self.now.closure,
            "running": self.now.running,
            "boots": self.boots,
            "closure": self.closure,
            "profile": self.profile,
            "exit_code": self.exit_code,
            "units_failed": list(self.units_failed),
            "reboot_required": self.reboot_required,
            "seconds": self.seconds,
            "journal": self.journal,
            "log": self.log,
            "log_file": self.log_file,
        }


def parse_answer(text: str) -> Answer:
    """Read the lines ``key=value`` of the shell program; what is missing or nonsense is as if it were not there."""
    fields, log = fields_and_log(text)
    if "journal" in fields:
        return _from_journal(fields["journal"][-1])
    one = {key: values[-1] for key, values in fields.items()}
    outcome = one.get("outcome", "unknown")
    return Answer(
        outcome=outcome if outcome in OUTCOMES else "unknown",
        previous=CurrentState(
            number(one.get("previous_generation")),
            store_path(one.get("previous_closure")),
            store_path(one.get("previous_running")),
        ),
        now=CurrentState(number(one.get("generation")), store_path(one.get("default")), store_path(one.get("running"))),
        closure=store_path(one.get("closure")),
        boots=store_path(one.get("boots")),
        profile=one.get("profile") or None,
        cause=one.get("cause", ""),
        code=one["code"] if CODE.fullmatch(one.get("code", "")) else None,
        advice=one.get("advice") or None,
        exit_code=number(one.get("exit_code")),
        status=one.get("status"),
        loader_failed=one.get("loader_failed") == "yes",
        units_failed=tuple(filter(None, re.split(r"[,\s]+", one.get("units_failed", "")))),
        reboot_required=one.get("reboot_required") == "yes",
        seconds=number(one.get("seconds")),
        silent=one.get("silent") == "yes",
        confirmation_taken=one.get("confirmation_taken") == "yes",
        warnings=tuple(fields.get("warning", ())),
        noun=one["noun"] if one.get("noun") in NOUNS else "system",
        journal=journal_entry(one.get("entry", "")),
        step_log="\n".join(fields.get("step_log", ())),
        log=STEP_NAME.sub("", log).strip("\n"),
        log_file=one.get("log_file") or None,
    )


def journal_entry(line: str) -> dict[str, t.Any] | None:
    """Return a line of the journal, or None when it is not one."""
    try:
        entry = json.loads(line[:LONGEST_ENTRY])
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict) or "outcome" not in entry:
        return None
    units = entry.get("units_failed")
    # Older versions wrote it as `ending`.
    status = entry.pop("ending", None) or entry.get("status")
    # What readers of a journal take for granted, whoever wrote it.
    return {
        **entry,
        "outcome": str(entry["outcome"]),
        "status": str(status) if status else None,
        "units_failed": [str(unit) for unit in units] if isinstance(units, list) else [],
        "from": _set(entry.get("from")),
        "to": _set(entry.get("to")),
    }


def _set(value: t.Any) -> dict[str, t.Any]:
    return value if isinstance(value, dict) else {}


def _from_journal(line: str) -> Answer:
    entry = journal_entry(line) or {}
    before, after = _set(entry.get("from")), _set(entry.get("to"))
    if not (before and after):
        nothing = CurrentState(None, None, None)
        return Answer("unknown", nothing, nothing)
    outcome = entry.get("outcome")
    return Answer(
        outcome=outcome if outcome in OUTCOMES else "unknown",
        previous=CurrentState(
            number(before.get("generation")), store_path(before.get("closure")), store_path(before.get("running"))
        ),
        now=CurrentState(number(after.get("generation")), None, None),
        closure=store_path(after.get("closure")),
        cause="the machine has forgotten the details of this deployment since",
        exit_code=number(entry.get("exit_code")),
        status=entry.get("status"),
        units_failed=tuple(entry.get("units_failed", ())),
        seconds=number(entry.get("seconds")),
        journal=entry,
    )


def details(deployment: str, answer: Answer) -> dict[str, t.Any]:
    """Return what an error says of ``answer`` besides its own fields."""
    return {key: value for key, value in answer.to_result().items() if key != "log"} | {
        "id": deployment,
        "run": (answer.journal or {}).get("run"),
    }
