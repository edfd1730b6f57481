# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evaluating many attributes in few Nix processes, each attribute with an error of its own.

The attributes are shared out once, by turns, among as many processes as the memory allows. Each process tells of an
attribute as soon as it is done with it. An error ends a process: the attribute at fault is charged with it, and another
process goes on with the rest of the share. So healthy attributes cost these processes whatever their number, and each broken
one costs another. An attribute without end holds up the rest of its share, and no other, until the process is out of time
(``timeout``), and then once more as long, alone.

Each process has its share of the memory that evaluations may take as a limit. Those that need more than a share have the
whole, one after the other.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
import math
import os
import re
import secrets
import threading
import typing as t
from pathlib import Path

from ..core.errors import EvaluationError
from ..core.process import CommandTimeoutError
from ..nix.command import attribute_path, attribute_steps, string_literal, value_literal
from ..nix.log import NixLog
from ..nix.machine import portions
from ..nix.store import STORE_DIRECTORY
from .request import Evaluated, Failed, diagnosis

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..nix.machine import Machine
    from ..nix.source import Source
    from .request import Result

    Named: t.TypeAlias = tuple[str, tuple[str, ...]]
    Report: t.TypeAlias = Callable[[str, Result], None]

MEBIBYTE = 1 << 20
# What a process needs for the evaluation of a usual NixOS configuration and a few more that share its nixpkgs.
MEMORY_OF_ONE = 1 << 30
# Every process evaluates anew what the hosts have in common: for fewer hosts it does not pay.
HOSTS_OF_ONE = 8
# Builds, copies and Ansible itself need some of it too.
SHARE_OF_AVAILABLE = 0.5
# What the garbage collector of Nix keeps beside the heap, and Nix beside both, by measurement.
OUTSIDE_HEAP = 64 << 20
HEAP_SHARE = 0.85
SMALLEST_HEAP = 32 << 20
# With less, a process could not be held to it.
LEAST_MEMORY = OUTSIDE_HEAP + math.ceil(SMALLEST_HEAP / HEAP_SHARE)
# Of an evaluation that has the memory, a third of the time goes into collecting garbage before there is need to.
UNCOLLECTED_SHARE = 0.75
MOST_UNCOLLECTED = 2 << 30
# A process that cannot do this many attributes in a row has too small a share of the memory for its whole share of the work.
MOST_OUTGROWN = 2
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
# How a process ends that may be the doing of the attributes before.
BY_FORCE = ("memory", "killed", "timeout")


@dataclasses.dataclass(frozen=True)
class Budget:
    """The bytes that all evaluators together may take, or None for no limit, and the CPUs that there are for them."""

    memory: int | None
    cpus: int = 1

    def processes(self, hosts: int) -> int:
        """Return how many processes evaluate ``hosts``."""
        bounds = [self.cpus, hosts // HOSTS_OF_ONE]
        if self.memory is not None:
            bounds.append(self.memory // MEMORY_OF_ONE)
        return max(1, min(bounds))

    def share(self, processes: int) -> int | None:
        """Return the bytes that each of ``processes`` may take."""
        return None if self.memory is None else self.memory // processes


UNLIMITED = Budget(memory=None)


def budget_here(memory: int | None = None) -> Budget:
    """Return the budget of this machine: ``memory``, or half of what is available."""
    if memory is None:
        available = available_memory()
        memory = None if available is None else int(available * SHARE_OF_AVAILABLE)
    try:
        return Budget(memory, len(os.sched_getaffinity(0)))
    except AttributeError:
        # Not Linux.
        return Budget(memory, os.cpu_count() or 1)


def available_memory(root: Path = Path("/")) -> int | None:
    """Return how many more bytes processes here may take without harm: those of the machine, or of a control group.

    None where the kernel does not say.
    """
    machine = re.search(r"^MemAvailable: *(\d+) kB$", _text(root / "proc/meminfo"), re.MULTILINE)
    rooms = [int(machine[1]) * 1024] if machine else []
    own = re.search(r"^0::/(.*)$", _text(root / "proc/self/cgroup"), re.MULTILINE)
    if own:
        group = root / "sys/fs/cgroup" / own[1]
        # A limit of any group above counts. In a container, the path may be one of the machine's, and not be there.
        rooms += [room for each in (group, *group.parents) if (room := _of_control_group(each)) is not None]
    return max(0, min(rooms)) if rooms else None


def _of_control_group(directory: Path) -> int | None:
    try:
        limit, used = int(_text(directory / "memory.max")), int(_text(directory / "memory.current"))
    except ValueError:
        # No limit, or none that is told here.
        return None
    freeable = re.search(r"^inactive_file (\d+)$", _text(directory / "memory.stat"), re.MULTILINE)
    return limit - used + (int(freeable[1]) if freeable else 0)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        return ""


def heap_limit(memory: int) -> dict[str, str]:
    """Return the environment in which Nix, once it would need more than ``memory`` bytes, ends with an error.

    The limit is that of its garbage collector, which frees what it can before: nothing has to watch the process, on
    whichever machine it runs. Most of what it may take it takes before it begins to look for garbage.
    """
    heap = max(SMALLEST_HEAP, int((memory - OUTSIDE_HEAP) * HEAP_SHARE))
    uncollected = min(MOST_UNCOLLECTED, int(heap * UNCOLLECTED_SHARE))
    return {"GC_MAXIMUM_HEAP_SIZE": str(heap), "GC_INITIAL_HEAP_SIZE": str(uncollected)}


def evaluate(
    source: Source,
    attributes: Sequence[str],
    machine: Machine,
    *,
    apply: str | None = None,
    timeout: float | None = None,
    budget: Budget = UNLIMITED,
    on_result: Callable[[str, Result], None] | None = None,
) -> dict[str, Result]:
    """Evaluate ``attributes`` of ``source`` and return what became of each; ``on_result`` is told of each as it is known."""
    results: dict[str, Result] = {}
    one_at_a_time = threading.Lock()

    def report(attribute: str, result: Result) -> None:
        with one_at_a_time:
            results[attribute] = result
            if on_result is not None:
                on_result(attribute, result)

    pending: list[Named] = []
    for attribute in dict.fromkeys(attributes):
        try:
            pending.append((attribute, attribute_steps(attribute)))
        except EvaluationError as error:
            report(attribute, Failed.of(error))
    number = budget.processes(len(pending))
    work = _Work(source, machine, apply, timeout, report)
    # By turns, so that the first of all are the first of their shares.
    shares = [pending[first::number] for first in range(number)]
    outgrown = _side_by_side(lambda share: work.evaluate(share, budget.share(number), last=number == 1), shares)
    # Those that need more than a share of the memory have the whole, one after the other.
    work.evaluate(outgrown, budget.memory, last=True)
    return results


def _side_by_side(evaluate_share: Callable[[list[Named]], list[Named]], shares: list[list[Named]]) -> list[Named]:
    """Evaluate all shares at the same time; the first exception is raised when all have ended."""
    if len(shares) == 1:
        # In this thread, which is the one that a signal to the program interrupts.
        return evaluate_share(shares[0])
    with concurrent.futures.ThreadPoolExecutor(len(shares)) as threads:
        futures = [threads.submit(evaluate_share, share) for share in shares]
    return [named for future in futures for named in future.result()]


@dataclasses.dataclass(frozen=True)
class _Work:
    """What is the same for all shares of the attributes."""

    source: Source
    machine: Machine
    apply: str | None
    timeout: float | None
    report: Report

    def evaluate(self, pending: list[Named], memory: int | None, *, last: bool) -> list[Named]:
        """Evaluate a share in ``memory`` bytes, in one process after the other.

        Unless this is the ``last`` try, return those attributes for which the memory is too little.
        """
        outgrown: list[Named] = []
        while pending:
            process = _Process(self, _portion(pending))
            code, cause = process.run(memory)
            pending = pending[process.done :]
            if process.complete or (process.done and code in BY_FORCE):
                # By force: others have used up its memory or its time, perhaps. It goes first in a process of its own.
                continue
            if code == "memory" and not last:
                outgrown.append(pending.pop(0))
                if len(outgrown) == MOST_OUTGROWN:
                    return [*outgrown, *pending]
            elif process.begun:
                attribute, steps = pending.pop(0)
                command = self.source.evaluate_one(steps, self.apply)
                self.report(attribute, _failed(command, process.log, code, cause, memory))
            else:
                # The source itself is at fault, not one of its attributes.
                result = _failed(self.source.evaluate_root(), process.log, code, cause, memory)
                for attribute, _steps in pending:
                    self.report(attribute, result)
                break
        return outgrown

    def function(self, mark: str, paths: Sequence[Sequence[str]]) -> str:
        """Return the Nix function that evaluates ``paths`` of what it is applied to."""
        arguments = dict(self.source.arguments) if self.source.file is not None else None
        # Code of the playbook's author; its last line may be a comment.
        apply = "null" if self.apply is None else f"(\n{self.apply}\n)"
        return (
            f"({FUNCTION.read_text(encoding='utf-8')}) {{\n"
            f"  mark = {string_literal(mark)};\n"
            f"  paths = {value_literal([list(path) for path in paths])};\n"
            f"  arguments = {value_literal(arguments)};\n"
            f"  apply = {apply};\n}}"
        )


class _Process:
    """One `nix eval` that evaluates attributes one after the other, as its log tells of them."""

    def __init__(self, work: _Work, pending: Sequence[Named]) -> None:
        self.begun = False
        self.done = 0
        self.log = NixLog()
        self._work = work
        self._pending = pending
        self._mark = f"nix.fleet-{secrets.token_hex(8)}"

    @property
    def complete(self) -> bool:
        """Whether all attributes are done."""
        return self.done == len(self._pending)

    def run(self, memory: int | None) -> tuple[str, str]:
        """Evaluate in no more than ``memory`` bytes; return the code of how it ended, if not with the last, and the cause if Nix named none."""
        work = self._work
        command = work.source.evaluate_all(work.function(self._mark, [steps for _attribute, steps in self._pending]))
        environment = {} if memory is None else heap_limit(memory)
        try:
            rc = work.machine.run(command, timeout=work.timeout, on_stderr_line=self._read, environment=environment).rc
        except CommandTimeoutError as late:
            return "timeout", f"no end of the evaluation after {late.seconds:g} s"
        if self.log.cause is not None and self.log.cause.endswith(OUT_OF_MEMORY):
            return "memory", OUT_OF_MEMORY
        if 0 <= rc <= FIRST_SIGNAL:
            return "nix", f"Nix ended with exit code {rc} and did not say why"
        number = -rc if rc < 0 else rc - FIRST_SIGNAL
        return "killed", f"Nix was ended by signal {number}, perhaps for want of memory"

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
                f"{self._work.source.name}: what the machine tells of the evaluation makes no sense ({error})",
                code="bad_answer",
                command=self._work.source.evaluate_root(),
                advice="see whether the Nix there is the real one, or evaluate elsewhere (delegate_to)",
            ) from error

    def _take(self, news: dict[str, t.Any]) -> None:
        """Take note of what a message tells."""
        if "start" in news:
            self.begun = True
            # What was said before is of no concern to the attribute that starts.
            self.log = NixLog()
        elif "done" in news and news["done"] == self.done:
            # A process that found the database busy is begun again, and comes by what is done already.
            attribute, steps = self._pending[self.done]
            self.done += 1
            self._work.report(attribute, self._result(attribute, steps, news))

    def _result(self, attribute: str, steps: tuple[str, ...], news: dict[str, t.Any]) -> Result:
        source = self._work.source
        if "value" in news or "drv" in news:
            out = str(news.get("out"))
            return Evaluated(
                drv_path=news.get("drv"),
                # The path of a content-addressed output is only known when it is built.
                out_path=out if out.startswith(f"{STORE_DIRECTORY}/") else None,
                value=news.get("value"),
                warnings=self.log.warnings_of_configuration,
                library=news.get("library"),
            )
        command = tuple(source.evaluate_one(steps, self._work.apply))
        if "missing" in news:
            return _missing(source, steps, news["missing"], command)
        return Failed(
            f"{source.name}: {attribute} is a {news['type']} and not a derivation",
            command,
            advice="name the derivation to build, or set apply to get the value itself: apply: 'value: value'",
            code="not_a_derivation",
        )


def _portion(pending: Sequence[Named]) -> list[Named]:
    """Return the first of ``pending``: as many as the command line of one process can name, which is a thousand."""
    return next(portions(pending, lambda named: len(value_literal(named[1]))))


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
        code="missing_attribute",
    )


def _failed(command: Sequence[str], log: NixLog, code: str, cause: str, memory: int | None) -> Failed:
    """Return why a process did not get further."""
    if code == "memory" and memory is not None:
        return Failed(
            f"its evaluation alone needs more memory than the {math.ceil(memory / MEBIBYTE)} MiB that there are for"
            " evaluations",
            tuple(command),
            advice="look for a recursion without end in it, allow more (eval_memory, deploy_eval_memory), or evaluate"
            " on a machine that has more (delegate_to)",
            code=code,
        )
    text = EMPTY_HEADING.sub("", OWN_FRAME.sub("", log.text)).strip()
    cause = (log.cause or cause).splitlines()[0]
    diagnosed, advice = diagnosis(log.text)
    code = code if code in BY_FORCE else diagnosed
    return Failed(cause, tuple(command), "" if text == f"error: {cause}" else text, advice, code)
