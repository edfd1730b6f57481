# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evaluating many attributes in one Nix process, each with an error of its own."""

from __future__ import annotations

import dataclasses
import json
import re
import secrets
import typing as t
from pathlib import Path

from ..errors import EvaluationError
from ..process import CommandTimeoutError
from .language import attribute_path, attribute_steps, string_literal, value_literal
from .log import NixLog
from .machine import portions
from .store import STORE_DIRECTORY

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..process import Completed
    from .machine import Machine
    from .source import Source

FUNCTION = Path(__file__).with_name("evaluate_each.nix")
TRACE = "trace: "
NAMES_SHOWN = 12
# Nix's account of its way through our own function, which says nothing of the configuration.
OWN_FRAME = re.compile(r"^ +… [^\n]*\n +at «string»[^\n]*\n(?:[^\n]+\n)*\n", re.MULTILINE)
# What is left of Nix's heading when nothing stands between it and the error.
EMPTY_HEADING = re.compile(r"^error:\n\s*(?:\(stack trace truncated[^\n]*\)\n\s*)?(?=error:)", re.MULTILINE)
# A shell reports death by signal N as 128+N, Python as -N.
FIRST_SIGNAL = 128

ADVICE = (
    (
        re.compile(
            r"pure eval|forbidden in pure|attribute 'currentSystem' missing|is not allowed in pure", re.IGNORECASE
        ),
        "if the configuration is meant to depend on the machine that evaluates it, set impure (nix_impure)",
    ),
    (
        re.compile(r"not tracked by Git|does not exist in Git repository", re.IGNORECASE),
        "git add the file: a flake in a Git repository consists of the files that Git knows",
    ),
    (
        re.compile(r"Could not resolve|unable to download|Failed to open archive|cannot fetch", re.IGNORECASE),
        "check the network, or lock the flake's inputs to something that this machine has",
    ),
    (
        re.compile(r"does not contain a '?/?flake\.nix|could not find a flake\.nix|does not exist", re.IGNORECASE),
        "check the path: a flake is taken on the machine that evaluates it",
    ),
)


@dataclasses.dataclass(frozen=True)
class _End:
    """How a process ended that did not get through: of itself or not, and the cause if Nix named none."""

    by_force: bool
    cause: str

    @classmethod
    def of(cls, completed: Completed) -> _End:
        rc = completed.rc
        if 0 <= rc <= FIRST_SIGNAL:
            return cls(by_force=False, cause=f"Nix ended with exit code {rc} and did not say why")
        number = -rc if rc < 0 else rc - FIRST_SIGNAL
        return cls(by_force=True, cause=f"Nix was ended by signal {number}, perhaps for want of memory")


@dataclasses.dataclass(frozen=True)
class Evaluated:
    """What an attribute evaluated to: a derivation, or with ``apply`` any value."""

    drv_path: str | None = None
    out_path: str | None = None
    value: t.Any = None


@dataclasses.dataclass(frozen=True)
class Failed:
    """Why an attribute did not evaluate."""

    cause: str
    command: tuple[str, ...] = ()
    log: str = ""
    advice: str | None = None

    def error(self, host: str | None = None) -> EvaluationError:
        """Return the failure as an exception."""
        return EvaluationError(self.cause, host=host, command=self.command, log=self.log, advice=self.advice)


Result = Evaluated | Failed
# An attribute as it was asked for, and the names that it consists of.
_Named = tuple[str, tuple[str, ...]]


def evaluate(
    source: Source,
    attributes: Sequence[str],
    machine: Machine,
    *,
    apply: str | None = None,
    timeout: float | None = None,
    on_result: Callable[[str, Result], None] | None = None,
) -> dict[str, Result]:
    """Evaluate ``attributes`` of ``source`` and return what became of each.

    One process evaluates them all, or as many as can be named to one. An error ends it: the attribute at fault is charged with it, and another process
    goes on with the rest, so that healthy attributes cost one process whatever their number, and each broken one
    another. ``on_result`` is told of each as it is known.
    """
    results: dict[str, Result] = {}

    def settle(attribute: str, result: Result) -> None:
        results[attribute] = result
        if on_result is not None:
            on_result(attribute, result)

    pending: list[_Named] = []
    for attribute in dict.fromkeys(attributes):
        try:
            pending.append((attribute, attribute_steps(attribute)))
        except EvaluationError as error:
            settle(attribute, Failed(error.cause, advice=error.advice))
    while pending:
        walk = _Walk(source, _portion(pending), apply, settle)
        try:
            end = _End.of(machine.run(walk.command(), timeout=timeout, on_stderr_line=walk.read))
        except CommandTimeoutError as late:
            end = _End(by_force=True, cause=f"no end of the evaluation after {late.seconds:g} s")
        pending = pending[walk.done :]
        if walk.complete:
            continue
        if not walk.begun:
            # The source itself is at fault, not one of its attributes.
            failed = _failed(source.evaluate_root(), walk.log, end)
            for attribute, _steps in pending:
                settle(attribute, failed)
            break
        if walk.done and end.by_force:
            # Others have used up its memory or its time, perhaps: it goes first in a process of its own.
            continue
        attribute, steps = pending.pop(0)
        settle(attribute, _failed(source.evaluate_one(steps, apply), walk.log, end))
    return results


def _portion(pending: Sequence[_Named]) -> list[_Named]:
    """Return the first of ``pending``: as many as the command line of one process can name, which is a thousand."""
    return next(portions(pending, lambda named: len(value_literal(named[1]))))


def walk_function(mark: str, paths: Sequence[Sequence[str]], arguments: t.Any, apply: str | None) -> str:
    """Return the Nix function that evaluates ``paths`` of what it is applied to."""
    lines = [
        f"({FUNCTION.read_text(encoding='utf-8')}) {{",
        f"  mark = {string_literal(mark)};",
        f"  paths = {value_literal([list(path) for path in paths])};",
        f"  arguments = {value_literal(arguments)};",
    ]
    if apply is not None:
        # Code of the playbook's author; its last line may be a comment.
        lines.append(f"  apply = (\n{apply}\n);")
    return "\n".join([*lines, "}"])


class _Walk:
    """One process on its way through the attributes, as its log tells."""

    def __init__(
        self,
        source: Source,
        pending: Sequence[_Named],
        apply: str | None,
        settle: Callable[[str, Result], None],
    ) -> None:
        self.begun = False
        self.done = 0
        self.log = NixLog()
        self._source = source
        self._pending = pending
        self._apply = apply
        self._settle = settle
        self._mark = f"nix.fleet-{secrets.token_hex(8)}"

    def command(self) -> list[str]:
        paths = [steps for _attribute, steps in self._pending]
        arguments = dict(self._source.arguments) if self._source.file is not None else None
        return self._source.evaluate_all(walk_function(self._mark, paths, arguments, self._apply))

    @property
    def complete(self) -> bool:
        """Whether it came to the end of its way."""
        return self.done == len(self._pending)

    def read(self, line: str) -> None:
        self.log.read(line)
        news = self._news()
        if news is None:
            return
        if "start" in news:
            self.begun = True
            # What was said before is of no concern to the attribute that starts.
            self.log = NixLog()
        elif "done" in news:
            self.done += 1
            attribute, steps = self._pending[news["done"]]
            self._settle(attribute, self._result(attribute, steps, news))

    def _news(self) -> dict[str, t.Any] | None:
        """Return what the last message tells of the walk, and take it out of the log."""
        opening = f"{TRACE}{self._mark} "
        if not self.log.messages or not self.log.messages[-1].text.startswith(opening):
            return None
        news: dict[str, t.Any] = json.loads(self.log.messages.pop().text[len(opening) :])
        return news

    def _result(self, attribute: str, steps: tuple[str, ...], news: dict[str, t.Any]) -> Result:
        if "value" in news:
            return Evaluated(value=news["value"])
        if "drv" in news:
            out = str(news["out"])
            # The path of a content-addressed output is only known when it is built.
            return Evaluated(news["drv"], out if out.startswith(f"{STORE_DIRECTORY}/") else None)
        command = tuple(self._source.evaluate_one(steps, self._apply))
        if "missing" in news:
            return _missing(self._source, steps, news["missing"], command)
        return Failed(
            f"{self._source.name}: {attribute} is a {news['type']} and not a derivation",
            command,
            advice="name the derivation to build, or set apply to get the value itself: apply: 'value: value'",
        )


def _missing(source: Source, steps: tuple[str, ...], missing: dict[str, t.Any], command: tuple[str, ...]) -> Failed:
    depth = missing["depth"]
    has = [attribute_path([name]) for name in missing["has"]]
    if missing["type"] != "set":
        there = f"{attribute_path(steps[:depth])} is a {missing['type']}"
    elif not has:
        there = "there are none"
    else:
        more = len(has) - NAMES_SHOWN
        there = f"it has: {', '.join(has[:NAMES_SHOWN])}{f' and {more} more' if more > 0 else ''}"
    return Failed(
        f"{source.name} has no attribute {attribute_path(steps[: depth + 1])} ({there})",
        command,
        advice="check the node's name, its platform and its configuration in the inventory against the flake's outputs",
    )


def _failed(command: Sequence[str], log: NixLog, end: _End) -> Failed:
    text = EMPTY_HEADING.sub("", OWN_FRAME.sub("", log.text)).strip()
    cause = (log.cause or end.cause).splitlines()[0]
    return Failed(cause, tuple(command), "" if text == f"error: {cause}" else text, advice_for(text))


def advice_for(log: str) -> str:
    """Return the next step after an error, by what Nix says."""
    for pattern, advice in ADVICE:
        if pattern.search(log):
            return advice
    return "repeat the command with --show-trace to see the way to the error"
