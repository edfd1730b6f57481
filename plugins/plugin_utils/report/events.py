# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's events of tasks as the report takes them, and why a task failed."""

from __future__ import annotations

import dataclasses
import re
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence


# The stage between an activation and its confirmation.
HEALTH = "health"

_FAREWELL = re.compile(r"(?:Shared c|C)onnection to \S+ closed\.?")

Status = t.Literal["started", "ok", "failed", "unreachable"]


@dataclasses.dataclass(frozen=True)
class TaskEvent:
    """A task began or ended for one host.

    ``module`` is the name of one of this collection's modules without its collection, or None for any other task;
    ``at`` is in seconds of a clock that never goes back. ``origin`` is the file and line of a task that is the user's own.
    """

    host: str
    module: str | None
    status: Status
    at: float
    result: Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    check_mode: bool = False
    task: str = ""
    origin: str = ""

    @property
    def only_asked(self) -> bool:
        """Whether nothing was done yet: what was asked for was found to be needed, or to make sense. Doing it is another task."""
        if self.module == "nix_health":
            return self.status == "ok" and "checks" not in self.result
        return self.module == "nix_activate" and self.result.get("outcome") == "needed"


def ended_tasks(events: Iterable[TaskEvent]) -> Iterator[tuple[TaskEvent, float]]:
    """Yield the end of each task, and when that began for its host; one that was skipped has none."""
    began: dict[str, float] = {}
    for event in events:
        if event.status == "started":
            began[event.host] = event.at
        else:
            yield event, began.get(event.host, event.at)


@dataclasses.dataclass(frozen=True)
class Failure:
    """Why a host did not get to the end.

    ``code`` is that of an error of ours: ``copy.no_nix``. ``task`` is the name of the task of which it was the fault,
    where no stage says where that was, and ``origin`` the file and line of a task that is the user's own.
    """

    cause: str
    stage: str | None = None
    log: str = ""
    advice: str | None = None
    task: str = ""
    code: str | None = None
    origin: str = ""

    @property
    def headline(self) -> str:
        """The stage or the task that failed, and the line that says why."""
        where = self.stage or self.task
        return f"{where}: {self.first_line}" if where else self.first_line

    @property
    def first_line(self) -> str:
        """The line that says why; what follows it in a foreign module's message says more of it."""
        return self.cause.partition("\n")[0]

    @property
    def details(self) -> str:
        """The log, or else what follows the first line."""
        return self.log or self.cause.partition("\n")[2]

    def of_health(self, task: str) -> Failure:
        """Return the failure as that of a check: where any other module was one, its task says which."""
        if self.stage is not None:
            return self
        cause = f"{task}: {self.cause}" if task else self.cause
        return dataclasses.replace(self, stage=HEALTH, cause=cause, task="")

    @classmethod
    def from_event(cls, event: TaskEvent) -> Failure:
        """Read why a task failed, or could not reach its host, which is no task's fault."""
        failure = cls.from_result(event.result)
        if event.status == "unreachable":
            return failure
        # Ansible itself sees to a role's variables, by a task with a name of a whole line.
        name = "variables" if event.task.startswith("Validating arguments against arg spec") else event.task
        task = name if failure.stage is None else ""
        return dataclasses.replace(failure, task=task, origin=event.origin)

    @classmethod
    def from_result(cls, result: Mapping[str, t.Any]) -> Failure:
        """Read the failure of one of our modules, or of any other."""
        # Ansible keeps what a task with no_log says from those who report.
        without_reason = (
            "it failed, and what it says is not to be logged" if result.get("censored") else "it gave no reason"
        )
        # What Ansible finds wrong with a role's variables; its message begins with a line that says nothing of them.
        # Nothing is among the choices for the cleared answer of a survey.
        variables = "; ".join(map(str, result.get("argument_errors") or ())).replace(", , got:", ", got:")
        return cls(
            # `reason` is that of an include.
            cause=plain_message(
                str(result.get("cause") or variables or result.get("msg") or result.get("reason") or without_reason)
            ),
            stage=text_of(result.get("stage")) or ("variables" if variables else None),
            log=str(result.get("log") or _printed(result)),
            advice=text_of(result.get("advice")),
            code=text_of(result.get("code")),
        )


def plain_message(message: str) -> str:
    """Return ``message`` without what ansible-core 2.19 and later put in front of every one."""
    return message.strip().removeprefix("Task failed: ").removeprefix("Action failed: ")


def _printed(result: Mapping[str, t.Any]) -> str:
    # What a command of another module's printed, and an error last; ssh's own farewell tells nothing.
    printed = "\n".join(str(result[name]).strip() for name in ("stdout", "stderr") if result.get(name))
    return "\n".join(line for line in printed.splitlines() if not _FAREWELL.fullmatch(line))


# What of the first item that failed is that of the task.
_REASONS = ("stage", "code", "command", "log", "stdout", "stderr", "advice")


def of_all_items(result: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return ``result``, with what its items say where it is that of a loop.

    A loop is known by ``ansible_loop_var`` in each of its ``results``, which ansible-core puts there. The whole has lists
    joined and what is true of any item; of several failures it has the reasons of the first.
    """
    items = result.get("results") or None
    if not isinstance(items, list) or not all(isinstance(each, dict) and "ansible_loop_var" in each for each in items):
        return dict(result)
    if bad := [item for item in items if item.get("failed") or item.get("unreachable")]:
        reasons = {name: bad[0][name] for name in _REASONS if bad[0].get(name)}
        return {**_joined(items), **result, **reasons, "cause": _messages(bad)}
    with_message = [item for item in items if item.get("msg") and not item.get("skipped")]
    return {**_joined(items), **result, **({"msg": _messages(with_message)} if with_message else {})}


def _messages(items: Sequence[Mapping[str, t.Any]]) -> str:
    """Return what the items say, each behind what it is called: all of one, and of several the first lines."""
    texts = []
    for item in items:
        # What is looped over may be whole structures, which say less.
        label = item.get("_ansible_item_label", item.get(item["ansible_loop_var"]))
        text = plain_message(str(item.get("cause") or item.get("msg") or "it gave no reason"))
        texts.append(f"{label}: {text}" if isinstance(label, (str, int)) else text)
    return texts[0] if len(texts) == 1 else "; ".join(text.partition("\n")[0] for text in texts)


def _joined(items: Sequence[Mapping[str, t.Any]]) -> dict[str, t.Any]:
    joined: dict[str, t.Any] = {}
    for name in dict.fromkeys(name for item in items for name in item):
        values = [item[name] for item in items if name in item]
        if all(isinstance(value, list) for value in values):
            joined[name] = [each for value in values for each in value]
        elif all(isinstance(value, bool) for value in values):
            joined[name] = any(values)
    return joined


def text_of(value: t.Any) -> str | None:
    """Return ``value`` as text, if it is anything."""
    return str(value) if value else None
