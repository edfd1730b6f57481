# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A command on a machine without Python, as ansible.builtin.command has it on others: its script, and what became of it."""

from __future__ import annotations

import dataclasses
import re
import shlex
import typing as t
from pathlib import Path

from ..activation.program import part
from ..errors import CommandError
from ..files.script import PRINTF_IS_ITS_OWN
from ..nix.command import exported
from ..nix.store import store_path_name

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..process import Completed

SCRIPT = Path(__file__).with_name("run.sh")
LIMITED = Path(__file__).parents[1] / "health" / "limited.sh"
# What commands such as `nix run` need, and a machine may not have enabled.
FEATURES = {"extra-experimental-features": ["nix-command", "flakes"]}
VERSION = re.compile(r"-[0-9].*$")


@dataclasses.dataclass(frozen=True)
class Command:
    """What is to be run: ``words``, or the own program of the first of ``packages``, whose programs come first on PATH.

    ``stdin`` is what it reads; ``seconds`` how long it may take; ``creates`` and ``removes`` are patterns of files that say that
    there is no need. ``settings`` are Nix's.
    """

    words: Sequence[str] = ()
    packages: Sequence[str] = ()
    chdir: str = ""
    creates: str = ""
    removes: str = ""
    stdin: str | None = None
    seconds: int | None = None
    settings: Mapping[str, t.Any] = dataclasses.field(default_factory=dict)

    def script(self, mark: str, *, check: bool) -> str:
        """Return the script that runs it, or with ``check`` only says whether there is need to.

        All of it travels as standard input: what a command reads may be a secret, and is on no command line.
        """
        package = next(iter(self.packages), "")
        variables = {
            "mark": mark,
            "check": str(int(check)),
            "chdir": self.chdir,
            "creates": self.creates,
            "removes": self.removes,
            "seconds": "" if self.seconds is None else str(self.seconds),
            "package": package,
            "name": VERSION.sub("", store_path_name(package)),
        }
        path = ":".join(f"{path}/bin" for path in self.packages)
        return "\n".join(
            [
                *(f"{name}={shlex.quote(value)}" for name, value in variables.items()),
                exported({**FEATURES, **self.settings}),
                f'PATH={shlex.quote(path)}":$PATH"' if path else "",
                f"given() {{ printf %s {shlex.quote(self.stdin or '')}; }}",
                part("descendants"),
                LIMITED.read_text(encoding="utf-8"),
                SCRIPT.read_text(encoding="utf-8"),
                "" if self.stdin is None else PRINTF_IS_ITS_OWN,
                shlex.join(["begin", *self.words]),
            ]
        )


@dataclasses.dataclass(frozen=True)
class Ran:
    """A command that has ended: how, and what it printed. ``late``: it was ended when its time was up."""

    rc: int
    stdout: str
    stderr: str
    late: bool = False


@dataclasses.dataclass(frozen=True)
class NotRun:
    """A command that there was no need to run, because of a file that is there or is not; or in a check, one that there is."""

    reason: t.Literal["created", "removed", "would"]


def parse_run(command: Command, mark: str, answer: Completed) -> Ran | NotRun:
    """Return what became of ``command``; raises ``CommandError`` when it could not be begun."""
    said, begun, rest = answer.stderr.partition(f"\n{mark} begin\n")
    if begun:
        stderr, ended, tail = rest.rpartition(f"\n{mark} end ")
        if not ended:
            raise CommandError(
                "what the command printed broke off", log=rest, advice="see whether the machine is all right"
            )
        return Ran(answer.rc, answer.stdout, stderr, tail.startswith("late"))
    found = re.search(rf"^{re.escape(mark)} (.*)$", said, re.MULTILINE)
    reason = found[1] if found else ""
    if reason in ("created", "removed", "would"):
        return NotRun(t.cast("t.Any", reason))
    if reason == "no directory":
        raise CommandError(
            f"{command.chdir} is no directory that the user may be in", advice="make it, or name another one (chdir)"
        )
    if reason.startswith("refused "):
        cause, _mark, advice = reason.removeprefix("refused ").partition("; ")
        raise CommandError(cause, advice=advice)
    if reason.startswith("no program"):
        programs = reason.removeprefix("no program").strip() or "none"
        raise CommandError(
            f"{command.packages[0]} has no program of its name, and not just one: it has {programs}",
            advice="say which one to run (cmd, argv)",
        )
    raise CommandError("the machine did not run the command", log=answer.stdout + answer.stderr)
