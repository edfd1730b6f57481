# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a target says of an activation, read without trusting it, and what people are told of it."""

from __future__ import annotations

import dataclasses
import json
import re
import typing as t

from ..core.errors import LOG_LINES, ActivationError
from ..nix.store import store_path, store_path_name
from ..target.programs import fields_and_log, number

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from .request import Request

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
    if not isinstance(entry, dict) or not entry.get("outcome"):
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


ADVICE = {
    "rolled_back": "see to the cause, and deploy again",
    "rollback_failed": "look at the machine at once: neither the new {noun} nor the one before it runs as it should",
    "failed": "the machine may be between two {noun}s: correct the cause and deploy again, or go back with nix.fleet.rollback",
    "superseded": "look at what runs there now, and deploy again",
}

BOOT_ADVICE = "make room for the boot loader, or mend it, before the machine boots again; writing it is tried again until somebody deploys"

# By goal: what there was nothing to do for, what has been done, and what would be done outside of a check.
ALREADY = {"switch": "runs already and is the default", "boot": "is the default already", "test": "runs already"}
DONE = {"switch": "runs now and is the default", "boot": "is the default from now on", "test": "runs now"}
WOULD = {"switch": "would run and be the default", "boot": "would be the default", "test": "would run"}


def message(request: Request, answer: Answer) -> str:
    """Return what became of the machine, or would become of it."""
    if answer.outcome == "unchanged" and answer.cause:
        return f"nothing was changed: {answer.cause}"
    bare = name = store_path_name(answer.closure) if answer.closure else "the closure"
    if request.specialisation and request.goal != "boot":
        name = f"{bare} with its specialisation {request.specialisation}"
    # Of a specialisation, what runs is another path.
    waits = answer.status == "reboot" or (
        request.goal == "switch" and not request.specialisation and answer.now.running not in (None, answer.closure)
    )

    def words(verbs: Mapping[str, str]) -> str:
        runs, both, default = verbs[request.goal].partition(" and ")
        return f"{runs}, and {bare} itself {default}" if both and request.specialisation else f"{runs}{both}{default}"

    if request.goal == "dry-activate":
        if answer.exit_code is None:
            return f"{name} is not on the machine yet, where it could be tried"
        return f"nothing was activated; the log says what activating {name} would do"
    if answer.outcome == "unchanged":
        already = "is the default already, and runs after a reboot" if waits else words(ALREADY)
        return f"{name} {already}{_generation(answer)}"
    if request.check:
        return f"{name} {words(WOULD)}"
    if answer.outcome == "awaiting":
        runs = "is to run after a reboot" if waits else "runs now"
        return f"{name} {runs}, and goes again unless it is confirmed within {request.confirm_timeout} s"
    if waits:
        return f"{name} is the default{_generation(answer)}, and runs after a reboot"
    reboot = "; only a reboot brings all of it into use" if answer.reboot_required else ""
    return f"{name} {words(DONE)}{_generation(answer)}{reboot}"


def predicted(shown: Mapping[str, t.Any], answer: Answer, units: str = "") -> dict[str, t.Any]:
    """Return what a check shows of a change: the packages that ``shown`` has, and what the platform's own dry run said.

    ``units`` is what is known of these where it could not be run.
    """
    packages = shown.get("diff", {}).get("prepared", "").rstrip("\n")
    if "diff" not in shown and answer.closure and (answer.previous.running or answer.previous.closure):
        packages = (
            f"which packages change is not known: the new {answer.noun} is neither on the machine nor where it is built"
        )
    text = "\n".join(filter(None, [packages, units, answer.log]))
    return {**shown, **({"diff": {"prepared": f"{text}\n"}} if text else {})}


def _generation(answer: Answer) -> str:
    before, now = answer.previous.generation, answer.now.generation
    if now is None:
        return ""
    return f", generation {now}" if before in (None, now) else f", generation {before} → {now}"


def failure(deployment: str, answer: Answer) -> ActivationError:
    """Return the error of a deployment that did not end well."""
    state, advice = _current_state(answer)
    if advice and answer.log_file:
        advice = f"{advice}; the whole log is on the target: {answer.log_file}"
    return ActivationError(
        f"{answer.cause or 'the target gave no reason'}{state}",
        code=answer.code or answer.outcome,
        log=_log_of(answer) if answer.outcome != "refused" else _more_than(answer.cause, _log_of(answer)),
        advice=advice,
        **details(deployment, answer) | {"changed": answer.outcome != "refused"},
    )


def _log_of(answer: Answer) -> str:
    """Return what says why: the words of the step that failed, and of the way back only where that failed as well."""
    if not answer.step_log or answer.outcome != "rollback_failed":
        return answer.step_log or answer.log
    half = LOG_LINES // 2
    return "\n".join([*answer.step_log.splitlines()[-half:], *answer.log.splitlines()[-half:]])


def _more_than(cause: str, log: str) -> str:
    """Return a log that says more than the cause does, or nothing."""
    return "" if all(" ".join(line.split()) in " ".join(cause.split()) for line in log.splitlines()) else log


def _current_state(answer: Answer) -> tuple[str, str | None]:
    """Return how the machine stands after a deployment that did not end well, and what to do about it."""
    usual = ADVICE.get(answer.outcome, "").format(noun=answer.noun)
    # Where neither runs, what to do about the new one can wait.
    advice = usual if answer.outcome == "rollback_failed" else answer.advice or usual or None
    if answer.outcome == "rolled_back":
        return f"; the machine is back on the {answer.noun} it ran before", advice
    if answer.outcome != "rollback_failed":
        return "", advice
    if answer.loader_failed and answer.now.running and answer.now.running == answer.previous.running:
        return "; the machine runs the system it ran before, but the next boot may bring up another", BOOT_ADVICE
    return (
        f"; going back to the {answer.noun} it ran before FAILED too, and is tried again until somebody deploys",
        advice,
    )


def units_failure(deployment: str, answer: Answer, **shown: t.Any) -> ActivationError:
    """Return the error of a deployment that ended well but for units that failed; ``shown`` is what else is known."""
    return ActivationError(
        f"the new {answer.noun} runs, but {answer.failed_units}",
        code="units",
        log=answer.step_log or answer.log,
        advice="look at the units on the machine; deploying again tries them again",
        **details(deployment, answer) | shown | {"changed": True},
    )


def warnings_of_activation(host: str, answer: Answer, *, units: bool = True) -> dict[str, list[str]]:
    """Return what is to be warned of after a deployment that ended well, as a field of the result.

    ``units``: of units that failed too, where they fail no task.
    """
    failed_units = filter(None, [answer.failed_units if units else None])
    warnings = [f"{host}: {text}" for text in (*answer.warnings, *failed_units)]
    return {"warnings": warnings} if warnings else {}
