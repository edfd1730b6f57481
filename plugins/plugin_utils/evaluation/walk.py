# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Nix process that evaluates many attributes, one after the other, and tells of each as it is known."""

from __future__ import annotations

import dataclasses
import json
import re
import secrets
import typing as t
from pathlib import Path

from ..core.errors import EvaluationError
from ..core.process import CommandTimeoutError
from ..nix.language import attribute_path, string_literal, value_literal
from ..nix.log import NixLog
from ..nix.store import STORE_DIRECTORY
from .evaluation_budget import heap_limit
from .evaluation_result import Evaluated, Failed, advice_for

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..core.process import Completed
    from ..nix.machine import Machine
    from ..nix.source import Source
    from .evaluation_result import Result

FUNCTION = Path(__file__).with_name("evaluate_each.nix")
TRACE = "trace: "
OUT_OF_MEMORY = "error: out of memory"
NAMES_SHOWN = 12
# Nix's account of its way through our own function, which says nothing of the configuration.
OWN_FRAME = re.compile(r"^ +… [^\n]*\n +at «string»[^\n]*\n(?:[^\n]+\n)*\n", re.MULTILINE)
# What is left of Nix's heading when nothing stands between it and the error.
EMPTY_HEADING = re.compile(r"^error:\n\s*(?:\(stack trace truncated[^\n]*\)\n\s*)?(?=error:)", re.MULTILINE)
# A shell reports death by signal N as 128+N, Python as -N.
FIRST_SIGNAL = 128

# An attribute as it was asked for, and the names that it consists of.
Named = tuple[str, tuple[str, ...]]


@dataclasses.dataclass(frozen=True)
class End:
    """How a process ended that did not get through, and the cause if Nix named none.

    It was ended ``by_force``, or for want of memory, when that may be the doing of the attributes before.
    """

    by_force: bool
    cause: str
    for_memory: bool = False

    @classmethod
    def of(cls, completed: Completed, log: NixLog) -> End:
        """Return how a process ended that has ended."""
        rc = completed.rc
        if log.cause is not None and log.cause.endswith(OUT_OF_MEMORY):
            return cls(by_force=True, cause=OUT_OF_MEMORY, for_memory=True)
        if 0 <= rc <= FIRST_SIGNAL:
            return cls(by_force=False, cause=f"Nix ended with exit code {rc} and did not say why")
        number = -rc if rc < 0 else rc - FIRST_SIGNAL
        return cls(by_force=True, cause=f"Nix was ended by signal {number}, perhaps for want of memory")


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


class _SuperfluousError(Exception):
    """What is left to be evaluated, others have begun."""


class Walk:
    """One process on its way through the attributes, as its log tells.

    It tells what becomes of each by ``settle``, and before it begins one asks by ``claim`` whether it is to. If not, it
    ends there, and is ``superfluous``.
    """

    def __init__(
        self,
        source: Source,
        pending: Sequence[Named],
        apply: str | None,
        settle: Callable[[str, Result], None],
        claim: Callable[[str], bool],
    ) -> None:
        self.begun = False
        self.superfluous = False
        self.done = 0
        self.log = NixLog()
        self._source = source
        self._pending = pending
        self._apply = apply
        self._settle = settle
        self._claim = claim
        self._mark = f"nix.fleet-{secrets.token_hex(8)}"

    def run(self, machine: Machine, *, timeout: float | None = None, memory: int | None = None) -> End:
        """Go the way on ``machine``, in no more than ``memory`` bytes, and return how it ended."""
        environment = {} if memory is None else heap_limit(memory)
        try:
            completed = machine.run(
                self._command(), timeout=timeout, on_stderr_line=self._read, environment=environment
            )
        except CommandTimeoutError as late:
            return End(by_force=True, cause=f"no end of the evaluation after {late.seconds:g} s")
        except _SuperfluousError:
            self.superfluous = True
            return End(by_force=True, cause="others have begun what was left")
        return End.of(completed, self.log)

    def _command(self) -> list[str]:
        paths = [steps for _attribute, steps in self._pending]
        arguments = dict(self._source.arguments) if self._source.file is not None else None
        return self._source.evaluate_all(walk_function(self._mark, paths, arguments, self._apply))

    @property
    def complete(self) -> bool:
        """Whether it came to the end of its way."""
        return self.done == len(self._pending)

    @property
    def stopped_at(self) -> Named | None:
        """The attribute that it did not get through, or none if there is no such."""
        return None if self.complete or self.superfluous else self._pending[self.done]

    def _read(self, line: str) -> None:
        self.log.read(line)
        opening = f"{TRACE}{self._mark} "
        if not self.log.messages or not self.log.messages[-1].text.startswith(opening):
            return
        try:
            self._take(json.loads(self.log.messages.pop().text[len(opening) :]))
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            # Another machine has a hand in it.
            raise EvaluationError(
                f"{self._source.name}: what the machine tells of the evaluation makes no sense ({error})",
                command=self._source.evaluate_root(),
                advice="see whether the Nix there is the real one, or evaluate elsewhere (delegate_to)",
            ) from error

    def _take(self, news: dict[str, t.Any]) -> None:
        """Take note of what a message tells of the walk."""
        if "start" in news:
            self.begun = True
            attribute, _steps = self._pending[news["start"]]
            # A process that found the database busy is begun again, and comes by what is done already.
            if news["start"] >= self.done and not self._claim(attribute):
                raise _SuperfluousError
            # What was said before is of no concern to the attribute that starts.
            self.log = NixLog()
        elif "done" in news:
            attribute, steps = self._pending[news["done"]]
            if news["done"] == self.done:
                self.done += 1
                self._settle(attribute, self._result(attribute, steps, news))

    def _result(self, attribute: str, steps: tuple[str, ...], news: dict[str, t.Any]) -> Result:
        if "value" in news:
            return Evaluated(value=news["value"], warnings=self.log.warnings_of_configuration)
        if "drv" in news:
            out = str(news["out"])
            # The path of a content-addressed output is only known when it is built.
            known = out.startswith(f"{STORE_DIRECTORY}/")
            return Evaluated(news["drv"], out if known else None, warnings=self.log.warnings_of_configuration)
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


def failed(command: Sequence[str], log: NixLog, end: End) -> Failed:
    """Return why the process did not get further."""
    text = EMPTY_HEADING.sub("", OWN_FRAME.sub("", log.text)).strip()
    cause = (log.cause or end.cause).splitlines()[0]
    return Failed(cause, tuple(command), "" if text == f"error: {cause}" else text, advice_for(text))
