# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether builders are there, asked of all at once and in the way in which Nix would use them."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
import typing as t

from ..core.errors import NixError
from ..core.redacted import redacted
from ..core.terminal import harmless_line
from .builder import Builder, builder_of, entries

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..core.shell import Shell

State = t.Literal["up", "refused", "down"]

# How deep files of builders may name each other.
MOST_FILES = 8
LONGEST_CAUSE = 300
SETTING = "exec nix --extra-experimental-features nix-command config show builders\n"
FILES = 'for file; do [ ! -e "$file" ] || cat -- "$file" || exit 1; echo; done\n'
# What ssh says where a machine answers and lets nobody in.
REFUSED = re.compile(r"Permission denied|Host key verification failed|Too many authentication failures")
# Which of what Nix and ssh print is the reason.
REASON = re.compile(r"^(?:ssh: |error: |kex_|.*(?:denied|failed|refused|timed out|closed|reset))", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Health:
    """How a builder is, and whether a build may count on it. ``cause`` says why it is not up."""

    builder: Builder
    state: State
    usable: bool
    cause: str | None = None
    nix_version: str | None = None
    trusted: bool | None = None

    def to_result(self) -> dict[str, t.Any]:
        """Return it as an element of the module's result."""
        return {
            "store": self.builder.name,
            "line": str(redacted(self.builder.line)),
            "state": self.state,
            "usable": self.usable,
            "cause": self.cause,
            "nix_version": self.nix_version,
            "trusted": self.trusted,
        }

    @property
    def warning(self) -> str | None:
        """What to tell of a builder that is left out."""
        return None if self.usable else f"the builder {self.builder.name} is left out: {self.cause}"


def own_builders(shell: Shell) -> list[str]:
    """Return the entries of the machine's own setting ``builders``."""
    answer = shell.run(SETTING)
    if not answer.ok:
        raise NixError(
            "Nix does not say which builders it is to use",
            host=shell.host,
            log=answer.stderr,
            advice="check its nix.conf: nix config show builders",
        )
    return entries(answer.stdout)


def expanded(shell: Shell, named: Iterable[str]) -> list[Builder]:
    """Return the builders of ``named`` entries, with those of the files that they name on the machine, each once."""
    left = list(named)
    for _turn in range(MOST_FILES):
        files = [entry[1:].strip() for entry in left if entry.startswith("@")]
        if not files:
            return [*dict.fromkeys(builder_of(entry) for entry in left)]
        answer = shell.run(FILES, *files)
        if not answer.ok:
            raise NixError(f"a file of builders cannot be read: {', '.join(files)}", host=shell.host, log=answer.stderr)
        left = [entry for entry in left if not entry.startswith("@")] + entries(answer.stdout)
    raise NixError(f"files of builders name each other without end: {', '.join(files)}", host=shell.host)


def check(shell: Shell, builders: Sequence[Builder], seconds: int) -> list[Health]:
    """Ask all ``builders`` from the machine at once; who has not answered after ``seconds`` is down."""
    if not builders:
        return []
    script = pathlib.Path(__file__).with_suffix(".sh").read_text(encoding="utf-8")
    answer = shell.run(script, str(seconds), *(builder.url for builder in builders))
    if not answer.ok:
        raise NixError(
            "the builders could not be asked how they are",
            host=shell.host,
            log=answer.stderr,
            advice="see that there are ssh, Nix and a directory for temporary files on the machine that builds",
        )
    return parse(answer.stdout, builders, seconds)


def parse(text: str, builders: Sequence[Builder], seconds: int) -> list[Health]:
    """Read what ``check.sh`` printed."""
    said: dict[tuple[str, str], list[str]] = {}
    own = False
    for line in text.splitlines():
        number, _blank, rest = line.partition(" ")
        word, _blank, value = rest.partition(" ")
        if number == "own":
            own = True
        said.setdefault((number, word), []).append(value)
    return [
        _health(builder, {word: lines for (of, word), lines in said.items() if of == str(number)}, seconds, own=own)
        for number, builder in enumerate(builders, 1)
    ]


def _health(builder: Builder, said: dict[str, list[str]], seconds: int, *, own: bool) -> Health:
    if said.get("ended") == ["0"]:
        return _up(builder, "\n".join(said.get("out", ())))
    if "late" in said or "ended" not in said:
        return Health(builder, "down", usable=False, cause=f"it has not answered within {seconds} s")
    told = said.get("err", [])
    cause = _cause(told)
    if not any(map(REFUSED.search, told)):
        return Health(builder, "down", usable=False, cause=cause)
    # Where a daemon builds, it is that one's user who logs in there, which has keys of its own.
    return Health(builder, "refused", usable=not own, cause=cause)


def _up(builder: Builder, text: str) -> Health:
    try:
        told = json.loads(text)
        trusted = told.get("trusted")
        version = told.get("version")
    except (ValueError, AttributeError, RecursionError):
        return Health(builder, "down", usable=False, cause="it answers, and not as a Nix store does")
    return Health(
        builder,
        "up",
        usable=True,
        nix_version=None if version is None else harmless_line(str(version))[:LONGEST_CAUSE],
        trusted=None if trusted is None else bool(trusted),
    )


def _cause(told: Sequence[str]) -> str:
    reasons = [line.strip() for line in told if REASON.match(line.strip())]
    # What ssh says comes before what Nix makes of it, and says more.
    first = next((line for line in reasons if not line.startswith("error:")), None)
    said = first or (reasons or [line for line in told if line.strip()] or ["it gave no reason"])[-1]
    return harmless_line(str(redacted(said))).removeprefix("error: ")[:LONGEST_CAUSE]
