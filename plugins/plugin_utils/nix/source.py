# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a configuration comes from (a flake, a Nix file, an expression), and how Nix is told to read it."""

from __future__ import annotations

import dataclasses
import functools
import json
import pathlib
import re
import typing as t

from ..core.errors import EvaluationError
from .command import attribute_path, nix, value_literal
from .log import LOG_FORMAT

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Several evaluations at a time would wait for each other at the database of Nix's own cache.
NO_EVALUATION_CACHE = ("--option", "eval-cache", "false")
# A deployment reads the user's files and writes none.
NO_LOCK_FILE = "--no-write-lock-file"
OVERRIDE = "--override-input"
# A clone has galaxy.yml, and what was installed MANIFEST.json.
_COLLECTION = pathlib.Path(__file__).parents[3]
_VERSION = re.compile(r'^ *"?version"?: "?([^"\n]+)', re.MULTILINE)


@functools.cache
def collection_version() -> str:
    """Return the version of this collection."""
    galaxy = _COLLECTION / "galaxy.yml"
    file = galaxy if galaxy.exists() else _COLLECTION / "MANIFEST.json"
    found = _VERSION.search(file.read_text(encoding="utf-8"))
    return found[1] if found else ""


def of_another_version(library: str | None) -> str | None:
    """Return what is to be said of a flake whose library is of another version than the collection, patch releases apart."""
    ours = collection_version()
    if library is None or library.split(".")[:2] == ours.split(".")[:2]:
        return None
    return (
        f"the flake's outputs are made by version {library} of nix.fleet's library, and this collection is {ours}; update the"
        f" flake's input (`nix flake update nix-fleet`), or install version {library} of the collection"
    )


@dataclasses.dataclass(frozen=True)
class Source:
    """A flake, a Nix file or an expression, with everything that decides what its attributes evaluate to.

    ``options`` are settings of Nix, which reach it beside the command line: see ``with_settings``.
    """

    flake: str | None = None
    file: str | None = None
    expression: str | None = None
    override_inputs: Mapping[str, str] = dataclasses.field(default_factory=dict)
    arguments: Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    impure: bool = False
    options: Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    # Of a flake whose files were sent with changes that are not committed, which Nix cannot be told.
    dirty_revision: str | None = None

    def __post_init__(self) -> None:
        if self.flake is not None and "#" in self.flake:
            raise EvaluationError(
                f"a flake reference without an attribute is expected, not {self.flake!r}",
                code="bad_flake",
                advice="give what follows the # in attr",
            )

    @property
    def name(self) -> str:
        """What a person would call it."""
        if self.flake is not None:
            return f"flake {self.flake}"
        return f"file {self.file}" if self.file is not None else "the expression"

    @property
    def reproducible(self) -> bool:
        """Whether the same revision always evaluates to the same result."""
        return self.flake is not None and not self.impure

    def evaluate_all(self, function: str) -> list[str]:
        """Return the command that applies ``function`` to the whole of the source."""
        return [*self._eval("--json", *LOG_FORMAT), *self._settings(), "--apply", function, *self._at("")]

    def evaluate_one(self, steps: Sequence[str], apply: str | None = None) -> list[str]:
        """Return the command that evaluates one attribute alone, for a person to repeat."""
        path = attribute_path(steps if apply is not None else [*steps, "drvPath"])
        form = ["--raw"] if apply is None else ["--json", "--apply", apply]
        return [*self._eval(*form), *self._settings(), *self._arguments(), *self._at(path)]

    def evaluate_root(self) -> list[str]:
        """Return the command that evaluates no more than the names in the source, for a person to repeat."""
        return [*self._eval("--json"), *self._settings(), "--apply", "builtins.attrNames", *self._at("")]

    def metadata(self) -> list[str]:
        """Return the command that says which revision the flake is at."""
        reference = self.flake or ""
        return [
            *nix("flake", "metadata", "--json", *LOG_FORMAT),
            *self._overrides(),
            "--",
            reference,
        ]

    def identity(self) -> dict[str, t.Any]:
        """Return all that distinguishes this source from another, as plain data."""
        return dataclasses.asdict(self)

    def _arguments(self) -> list[str]:
        return [word for name, value in self.arguments.items() for word in ("--arg", str(name), value_literal(value))]

    def _eval(self, *arguments: str) -> list[str]:
        return nix("eval", *arguments, *NO_EVALUATION_CACHE)

    def _settings(self) -> list[str]:
        impure = ["--impure"] if self.impure else []
        return [*impure, *self._overrides()]

    def _overrides(self) -> list[str]:
        if self.flake is None:
            return []
        return override_arguments(self.override_inputs)

    def _at(self, path: str) -> list[str]:
        """Return the words that name an attribute of the source; no path is the source itself."""
        if self.flake is not None:
            # The dot keeps Nix from looking below `packages` and the like.
            return ["--", f"{self.flake}#.{path}"]
        given = ["--file", self.file] if self.file is not None else ["--expr", str(self.expression)]
        return [*given, "--", path or "."]


def override_arguments(inputs: Mapping[str, str]) -> list[str]:
    """Return the words that replace inputs of a flake, by name, and leave its lock file as it is."""
    return [*(word for name, flake in inputs.items() for word in (OVERRIDE, name, flake)), NO_LOCK_FILE]


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """The revision that a flake is at, with all its inputs."""

    locked_url: str | None = None
    revision: str | None = None
    dirty: bool = False
    content: t.Any = None
    # The inputs that no lock file holds to a revision.
    unlocked: Sequence[str] = ()

    @property
    def identity(self) -> str | None:
        """What stands for exactly these files: their revision, or without a Git repository their hash; else nothing."""
        if self.dirty:
            return None
        locked = (self.content or {}).get("locked") or {}
        return self.revision or _text(locked.get("narHash"))

    @classmethod
    def from_json(cls, text: str) -> Snapshot:
        """Read the answer of ``nix flake metadata --json``; raises ``ValueError`` when it is none."""
        try:
            data = json.loads(text)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error
        locked = data.get("locked") if isinstance(data, dict) else None
        if not isinstance(locked, (dict, type(None))) or not isinstance(data, dict):
            raise ValueError("no metadata of a flake")
        dirty_revision = _text(data.get("dirtyRevision"))
        kind = (locked or {}).get("type")
        return cls(
            locked_url=_text(data.get("url")) or _text(data.get("lockedUrl")),
            revision=_text(data.get("revision")) or dirty_revision,
            # A Git repository without a commit has neither.
            dirty=dirty_revision is not None or (kind == "git" and "revision" not in data),
            content=data,
        )


def _text(value: t.Any) -> str | None:
    return value if isinstance(value, str) else None
