# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lock file made anew beside the flake's own, and put in its place when everything that was asked of it holds."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import typing as t

from ..core.errors import NixError, UpdateError
from . import command
from .lock import Move, moves, parse_lock
from .metadata import answer
from .place import LOCK

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .place import Place

UNKNOWN_INPUT = "does not match any input of this flake"


@dataclasses.dataclass(frozen=True)
class Draft:
    """A lock file that is not in place yet.

    ``found`` and ``new`` are files with what the flake's own had and with what it is to have; ``moved`` is what that
    changes, of the last commit where it is to be committed. ``beginning`` is by what the lock file found and the commit
    checked out then are known again.
    """

    place: Place
    directory: str
    text_found: str
    text_new: str
    moved: tuple[Move, ...]
    beginning: str

    @property
    def found(self) -> str:
        return f"{self.directory}/found"

    @property
    def new(self) -> str:
        return f"{self.directory}/new"

    @property
    def differs(self) -> bool:
        """Whether the lock file itself is to change."""
        return self.text_new != self.text_found

    def put_in_place(self) -> None:
        """Replace the flake's own; raises ``UpdateError`` when somebody else has changed it meanwhile."""
        if not self.differs:
            return
        self.place.replace(self.found, self.new)
        if not self.text_found:
            # In a repository, Nix takes no notice of a file that Git does not know of. Elsewhere there is nothing to tell.
            self.place.repository.run("add", "--intent-to-add", "--", LOCK)

    def take_back(self) -> None:
        """Undo that; a lock file that was none before goes again, and Git knows of it no more."""
        if self.differs and self.text_found:
            self.place.replace(self.new, self.found)
        elif self.differs:
            self.place.withdraw(self.new)


@contextlib.contextmanager
def drafted(
    place: Place,
    inputs: Sequence[str],
    given: str | None,
    beginning: str | None,
    *,
    since_commit: bool,
    timeout: float | None,
) -> Iterator[Draft]:
    """Yield the updated lock file, made from ``given`` or by Nix; its files are gone after the block.

    Raises ``UpdateError`` when ``beginning`` is given and the flake does not stand there any more.
    """
    found = place.read()
    here = _beginning(place, found)
    if beginning not in (None, here):
        raise UpdateError(
            f"{place.lock} or the commit that is checked out was changed by somebody else since this update was made, "
            "and both were left as they are now",
            advice="run again, which begins with what is there now",
        )
    locked = parse_lock(found, place.lock)
    directory = place.temporary()
    try:
        place.write(found, f"{directory}/found")
        new = (
            _given(place, given, directory) if given is not None else _updated(place, inputs, directory, found, timeout)
        )
        before = parse_lock(place.committed(), f"{place.lock} of the last commit") if since_commit else locked
        moved = moves(before, parse_lock(new, "the new lock file"))
        yield Draft(place, directory, found, new, moved, here)
    finally:
        place.remove(directory)


def _beginning(place: Place, text: str) -> str:
    try:
        commit = place.repository.commit_named("HEAD")
    except NixError:
        # Without Git, the lock file alone tells.
        commit = None
    return hashlib.sha256(f"{commit or ''}\n{text}".encode()).hexdigest()


def addresses(place: Place, moved: Sequence[Move]) -> dict[str, str]:
    """Return the flake reference of everything that is named in ``moved``, by its ``key``."""
    locked = [each for move in moved for each in (move.before, move.after) if each is not None]
    if not locked:
        return {}
    known = [{name: value for name, value in each.attributes.items() if name != "__final"} for each in locked]
    done = place.machine.run(command.references(known))
    urls = answer(done, "Nix cannot write what the inputs are locked to as references", "see what Nix says")
    return {each.key: str(url) for each, url in zip(locked, urls, strict=True)}


def _given(place: Place, text: str, directory: str) -> str:
    if not text.strip():
        raise UpdateError("the lock file that is given is empty", advice="give what an update has returned as lock")
    place.write(text, f"{directory}/new")
    return text


def _updated(place: Place, inputs: Sequence[str], directory: str, found: str, timeout: float | None) -> str:
    argv = command.update(place.directory, inputs, f"{directory}/new")
    done = place.machine.run(argv, timeout=timeout)
    if not done.ok:
        raise UpdateError(
            "the inputs cannot be updated",
            command=argv,
            log=done.stderr,
            advice="see what Nix says: an address that cannot be reached, or a token that is missing (nix_options: access-tokens)",
        )
    # To Nix that is worth a warning only.
    unknown = [line for line in done.stderr.splitlines() if UNKNOWN_INPUT in line]
    if unknown:
        raise UpdateError(
            unknown[0].partition("warning: ")[2] or unknown[0],
            command=argv,
            advice="name inputs as flake.nix does; an input of an input as home-manager/nixpkgs",
        )
    if not place.machine.existing([f"{directory}/new"]):
        place.write(found, f"{directory}/new")
        return found
    return place.printed("cat", "--", f"{directory}/new")
