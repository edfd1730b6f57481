# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a channel may move to: a commit whose system was really built."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ..core.errors import ChannelError
from ..nix.store import is_store_path, path_sizes

if t.TYPE_CHECKING:
    from ..nix.machine import Machine

REVISION = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclasses.dataclass(frozen=True)
class Proof:
    """That a system was built: the commit that it is of, its closure, and who says so."""

    revision: str
    closure: str
    word: str

    def __post_init__(self) -> None:
        """Refuse what is none."""
        if not REVISION.fullmatch(self.revision):
            raise ChannelError(
                f"{self.revision!r} is not the whole name of a commit",
                advice="deploy from a Git repository all of whose changes are committed",
            )
        if not is_store_path(self.closure):
            raise ChannelError(f"{self.closure!r} is not the store path of what was built")


def refuse_dirty(revision: str | None, *, dirty: bool) -> None:
    """Raise ``ChannelError`` for files that no commit has."""
    if dirty or revision is None or revision.endswith("-dirty"):
        raise ChannelError(
            "what was built has changes that are not committed, or no commit at all",
            advice="commit them, and build that; a flake outside of a Git repository has no branch to move",
        )


def refuse_unbuilt(machine: Machine, closure: str) -> None:
    """Raise ``ChannelError`` when the machine does not have the system."""
    done = machine.run(path_sizes(closure))
    if not done.ok:
        raise ChannelError(
            f"{closure} is not in the store of {machine.name}: it was not built there, or is gone again",
            command=done.argv,
            log=done.stderr,
            advice="build it first; the role nix.fleet.channel does both",
        )


def refuse_uncached(machine: Machine, closure: str, cache: str) -> None:
    """Raise ``ChannelError`` when a cache does not have the system, which hosts that pull would then have to build."""
    done = machine.run(path_sizes(closure, store=cache))
    if not done.ok:
        raise ChannelError(
            f"{closure} is not in the cache {cache}",
            command=done.argv,
            log=done.stderr,
            advice="push it there first, and run again; or see whether the cache can be reached and read",
        )
