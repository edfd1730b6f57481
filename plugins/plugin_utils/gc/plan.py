# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What there is to collect on a machine, and what of it goes."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ..activation.info import date_of
from ..activation.request import PROFILE
from ..core.errors import NixError
from ..nix.store import root_name, store_path
from ..target.programs import fields_and_log, number

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
    ``lacking`` is how many bytes are to become free, and None when no room was asked for. What is garbage as it is,
    a machine says in a check only.
    """

    platform: str | None = None
    profiles: tuple[str, ...] = ()
    generations: tuple[Generation, ...] = ()
    roots: tuple[str, ...] = ()
    now: int | None = None
    free: int | None = None
    lacking: int | None = None
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
        lacking=_signed(one.get("lacking")),
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


SPAN = re.compile("([0-9]{1,6})([hdw])")
SPAN_SECONDS = {"h": 3600, "d": 86400, "w": 7 * 86400}
SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?) ?([KMGT]?)(?:i?B)?")
PERCENT = re.compile("([1-9]|[1-9][0-9])%")


@dataclasses.dataclass(frozen=True)
class Policy:
    """The options of a task, as they are written: ``30d``, ``20G``, ``10%``.

    A generation stays when either ``keep_generations`` or ``keep_for`` wants it; without both, every one does. What is
    protected for other hosts than ``known_hosts`` is so no longer; None knows all of them. Whoever holds the lock of
    deployments has ``wait`` seconds to give it up.
    """

    keep_generations: int | None = None
    keep_for: str | None = None
    free_space: str | None = None
    profiles: tuple[str, ...] = ()
    known_hosts: tuple[str, ...] | None = None
    wait: int = 0

    def __post_init__(self) -> None:
        """Raise ``NixError`` for what no machine should be asked."""
        for problem in self._problems():
            raise NixError(problem, code="collection.bad_option", advice="correct the option")

    @property
    def keep_seconds(self) -> int | None:
        """How long a generation stays, in seconds."""
        return None if self.keep_for is None else seconds_of(self.keep_for)

    @property
    def deletes_generations(self) -> bool:
        """Whether any generation may go."""
        return self.keep_generations is not None or self.keep_for is not None

    def variables(self) -> dict[str, str]:
        """Return what the machine has to know of it, as the shell program's variables; sizes are in bytes."""
        free = self.free_space or ""
        return {
            "free_space": free if free.endswith("%") or not free else str(bytes_of(free)),
            "wait": str(self.wait),
        }

    def _problems(self) -> Iterator[str]:
        if self.keep_generations is not None and self.keep_generations < 1:
            yield "keep_generations is not the number of generations to keep, which is at least one"
        if self.keep_for is not None and seconds_of(self.keep_for) is None:
            yield f"keep_for is no time such as 12h, 30d or 8w: {self.keep_for!r}"
        if self.free_space is not None and not PERCENT.fullmatch(self.free_space) and not bytes_of(self.free_space):
            yield f"free_space is neither a size such as 20G nor a share such as 10%: {self.free_space!r}"
        if self.wait < 0:
            yield "wait is not a number of seconds"
        if self.known_hosts == ():
            yield "known_hosts is empty, as if there were no hosts any more"
        if any(not host.strip() for host in self.known_hosts or ()):
            yield "known_hosts has a name without a letter, which is that of no host"
        for profile in self.profiles:
            if not PROFILE.fullmatch(profile):
                yield f"profiles has what is not an absolute path: {profile!r}"


def seconds_of(text: str) -> int | None:
    """Return a span of time in seconds, or None when it is none.

    >>> seconds_of("2d"), seconds_of("two days")
    (172800, None)
    """
    found = SPAN.fullmatch(text)
    return int(found[1]) * SPAN_SECONDS[found[2]] if found else None


def bytes_of(text: str) -> int | None:
    """Return a size in bytes, or None when it is none.

    >>> bytes_of("1.5K"), bytes_of("2 MiB"), bytes_of("12"), bytes_of("much")
    (1536, 2097152, 12, None)
    """
    found = SIZE.fullmatch(text)
    return int(float(found[1]) * 1024 ** " KMGT".index(found[2] or " ")) if found else None


@dataclasses.dataclass(frozen=True)
class Plan:
    """The generations that go and that stay, and the roots that go, by their paths below ours."""

    going: tuple[Generation, ...] = ()
    staying: tuple[Generation, ...] = ()
    roots: tuple[str, ...] = ()


def plan_of(survey: Survey, policy: Policy) -> Plan:
    """Return what goes and what stays."""
    going = tuple(
        generation
        for profile in survey.profiles
        for generation in going_of([each for each in survey.generations if each.profile == profile], policy, survey.now)
    )
    return Plan(
        going=going,
        staying=tuple(each for each in survey.generations if each not in going),
        roots=() if policy.known_hosts is None else _roots_of_others(survey.roots, policy.known_hosts),
    )


def going_of(generations: Sequence[Generation], policy: Policy, now: int | None) -> tuple[Generation, ...]:
    """Return those of one profile's generations that nothing and nobody wants to stay, oldest first.

    Counted is as ``nix-env --delete-generations +N`` does, back from the current one, whatever is newer staying; and of
    those that are too old the newest stays, as with ``30d``: it is what there was at that time.
    """
    if not policy.deletes_generations:
        return ()
    ordered = sorted(generations, key=lambda each: each.number)
    staying = {each.number for each in ordered if each.reasons}
    if policy.keep_generations is not None:
        staying |= _counted(ordered, policy.keep_generations)
    if policy.keep_seconds is not None:
        staying |= _young(ordered, policy.keep_seconds, now)
    return tuple(each for each in ordered if each.number not in staying)


def _counted(ordered: Sequence[Generation], count: int) -> set[int]:
    current = next((each.number for each in ordered if "current" in each.reasons), None)
    older = [each.number for each in ordered if current is None or each.number <= current]
    return {each.number for each in ordered} - set(older[:-count])


def _young(ordered: Sequence[Generation], seconds: int, now: int | None) -> set[int]:
    # What does not say its age, or is of a machine that does not say the time, counts as young.
    old = [each.number for each in ordered if None not in (now, each.made) and _age(each, now) > seconds]
    return {each.number for each in ordered} - set(old[:-1])


def _age(generation: Generation, now: int | None) -> int:
    return (now or 0) - (generation.made or 0)


def _roots_of_others(roots: Sequence[str], known_hosts: Sequence[str]) -> tuple[str, ...]:
    known = {root_name(host) for host in known_hosts}
    return tuple(root for root in roots if root.partition("/")[2] not in known)


def nothing_to_do(survey: Survey, plan: Plan) -> bool:
    """Whether the machine needs no second visit: nothing goes, and there is the room that was asked for."""
    room = survey.lacking is not None and survey.lacking <= 0
    return room and not (plan.going or plan.roots or survey.boot_entries_outdated)
