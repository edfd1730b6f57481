# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a collection is asked for: which generations stay, and how much room there is to be."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ..activation.request import PROFILE
from ..core.errors import GarbageCollectionError

if t.TYPE_CHECKING:
    from collections.abc import Iterator

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
    quota: str | None = None
    optimise: bool = False
    profiles: tuple[str, ...] = ()
    known_hosts: tuple[str, ...] | None = None
    wait: int = 0

    def __post_init__(self) -> None:
        """Refuse what no machine should be asked."""
        for problem in self._problems():
            raise GarbageCollectionError(problem, advice="correct the option")

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
            "free_space": free if free.endswith("%") else _in_bytes(self.free_space),
            "quota": _in_bytes(self.quota),
            "optimise": str(int(self.optimise)),
            "wait": str(self.wait),
        }

    def _problems(self) -> Iterator[str]:
        if self.keep_generations is not None and self.keep_generations < 1:
            yield "keep_generations is not the number of generations to keep, which is at least one"
        if self.keep_for is not None and seconds_of(self.keep_for) is None:
            yield f"keep_for is no time such as 12h, 30d or 8w: {self.keep_for!r}"
        if self.free_space is not None and not PERCENT.fullmatch(self.free_space) and not bytes_of(self.free_space):
            yield f"free_space is neither a size such as 20G nor a share such as 10%: {self.free_space!r}"
        if self.quota is not None and not bytes_of(self.quota):
            yield f"quota is no size such as 50G: {self.quota!r}"
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


def _in_bytes(size: str | None) -> str:
    return "" if size is None else str(bytes_of(size))
