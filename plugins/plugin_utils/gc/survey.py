# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine says that it has to collect, read without trusting it."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ..activation.info import date_of
from ..nix.store import store_path
from ..target.programs import fields_and_log, number

KIB = 1024
# Why a generation stays, in the machine's words.
REASONS = ("current", "running", "booted", "rollback")
ROOT = re.compile(r"(?:built|copied)/(?!\.{1,2}$)[^/\0-\x1f\x7f]+")


@dataclasses.dataclass(frozen=True)
class Generation:
    """One generation of a profile; ``made`` is in seconds since 1970, and ``reasons`` are why it must stay."""

    profile: str
    number: int
    made: int | None = None
    closure: str | None = None
    reasons: tuple[str, ...] = ()

    def to_result(self) -> dict[str, t.Any]:
        """Return the generation as an entry of a module's result."""
        return {
            "profile": self.profile,
            "number": self.number,
            "date": None if self.made is None else date_of(str(self.made)),
            "closure": self.closure,
        }


@dataclasses.dataclass(frozen=True)
class Survey:
    """What there is on a machine before a collection.

    ``boot_menu`` are those of the profiles that the boot loader has entries for, which may be outdated already.
    ``excess`` is by how many bytes there is too much, and None when no room was asked for. What is garbage as it is,
    a machine says in a check only.
    """

    platform: str | None = None
    profiles: tuple[str, ...] = ()
    generations: tuple[Generation, ...] = ()
    roots: tuple[str, ...] = ()
    now: int | None = None
    free: int | None = None
    excess: int | None = None
    boot_menu: tuple[str, ...] = ()
    boot_entries_outdated: bool = False
    garbage_paths: int = 0
    garbage_bytes: int = 0
    refused: str | None = None
    advice: str | None = None


def parse_survey(text: str) -> Survey:
    """Read the answer to the question; what is missing or nonsense is as if it were not there."""
    fields, _log = fields_and_log(text)
    one = {key: values[-1] for key, values in fields.items()}
    return Survey(
        platform=one.get("platform") or None,
        profiles=tuple(fields.get("profile", ())),
        generations=tuple(found for line in fields.get("generation", ()) if (found := _generation(line)) is not None),
        roots=tuple(root for root in fields.get("root", ()) if ROOT.fullmatch(root)),
        now=number(one.get("now")),
        free=free_bytes(one.get("space")),
        excess=_signed(one.get("excess")),
        boot_menu=tuple(fields.get("boot_menu", ())),
        boot_entries_outdated="boot_entries" in one,
        garbage_paths=number(one.get("garbage_paths")) or 0,
        garbage_bytes=number(one.get("garbage_bytes")) or 0,
        refused=one.get("cause", "no reason was given") if one.get("outcome") == "refused" else None,
        advice=one.get("advice") or None,
    )


def free_bytes(space: str | None) -> int | None:
    """Return what is free of ``space``: a file system's size and what is free there, in KiB."""
    free = number((space or "").rpartition(" ")[2])
    return None if free is None else free * KIB


def _generation(line: str) -> Generation | None:
    words = line.split(" ", 4)
    if len(words) != 5 or (found := number(words[0])) is None:
        return None
    _number, made, reasons, closure, profile = words
    return Generation(profile, found, number(made), store_path(closure), tuple(set(reasons.split(",")) & set(REASONS)))


def _signed(text: str | None) -> int | None:
    found = number((text or "").removeprefix("-"))
    if found is None:
        return None
    # ansible-core 2.16's pylint does not see that there is a number here.
    return (-1 if (text or "").startswith("-") else 1) * found
