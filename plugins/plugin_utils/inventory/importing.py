# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet of another source, written down as a ``nodes.nix`` that is the same fleet to Ansible."""

from __future__ import annotations

import dataclasses
import pathlib
import tempfile
import typing as t

from ..core.errors import InventoryError, NixError
from ..nix.layout import laid_out
from .difference import differences
from .loading import Plan, Reading, fetch
from .nodes import SOURCE as NODES
from .place import NixFile
from .written_nodes import nodes_data

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from .fleet import Fleet

HEADER = """\
# The fleet: which machines there are, and what differs between them. Written by `ansible-playbook nix.fleet.import`;
# yours from here on. docs/inventory.md of nix.fleet has every field.
"""
# All that the source said, in the source's words.
_WORDS_OF_THE_SOURCE = frozenset(("nix_node",))
# As many differences are told in a message.
_TOLD = 5


@dataclasses.dataclass(frozen=True)
class Import:
    """What the file is to hold, and what it holds: None where there is none."""

    file: pathlib.Path
    hosts: int
    text: str
    present: str | None

    @property
    def needed(self) -> bool:
        """Whether the file does not describe the fleet yet."""
        return self.text != self.present


def prepared_import(read: Reading, file: pathlib.Path, *, overwrite: bool) -> Import:
    """Return what is to be written to ``file``, which nothing is written to yet.

    A file that describes the fleet already, in whatever words, stays as it is. One that describes another raises
    ``InventoryError`` unless it is to be overwritten, and so does a fleet that would not come out of the file as it is.
    """
    fleet = read.fleet()
    if read.plan.place == NixFile(file):
        itself = file.read_text(encoding="utf-8")
        return Import(file, len(fleet.hosts), itself, itself)
    own = read.evaluated.source == NODES.name
    ignored = frozenset() if own else _WORDS_OF_THE_SOURCE
    present = _text_of(file)
    if present is not None:
        different = _differences(fleet, file, read, ignored)
        if not different:
            return Import(file, len(fleet.hosts), present, present)
        if not overwrite:
            raise InventoryError(
                f"{file} is there, and describes another fleet than {read.plan.place}: {_told(different)}",
                advice="see what would become of it with --check --diff -e import_overwrite=true, and without --check have"
                " it overwritten, or name another file (import_file)",
                differences=list(different),
            )
    try:
        data = read.evaluated.data if own else nodes_data(read.nodes())
        text = f"{HEADER}{laid_out(data)}\n"
    except NixError as error:
        raise InventoryError(f"{read.plan.place}: {error.cause}", advice=error.advice) from None
    # What is promised is looked at before anybody relies on it.
    with tempfile.TemporaryDirectory(prefix="nix.fleet-import-") as directory:
        written = pathlib.Path(directory, file.name)
        written.write_text(text, encoding="utf-8")
        different = _differences(fleet, written, read, ignored)
    if different:
        raise InventoryError(
            f"{read.plan.place} cannot be written as a nodes.nix that is the same fleet: {_told(different)}",
            advice="go on with the source as it stands, and report this",
            differences=list(different),
        )
    return Import(file, len(fleet.hosts), text, present)


def _text_of(file: pathlib.Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise InventoryError(f"{file} cannot be read: {error}", advice="name another file (import_file)") from None


def _differences(fleet: Fleet, file: pathlib.Path, read: Reading, ignored: frozenset[str]) -> tuple[str, ...]:
    plan = Plan(NixFile(file), (NODES,), read.plan.flake)
    try:
        other = Reading(plan, read.settings, fetch(plan, read.settings, None)).fleet()
    except InventoryError as error:
        return (error.cause,)
    return differences(fleet, other, ignored=ignored)


def _told(different: Sequence[str]) -> str:
    more = f"; and {len(different) - _TOLD} more" if len(different) > _TOLD else ""
    return "; ".join(different[:_TOLD]) + more
