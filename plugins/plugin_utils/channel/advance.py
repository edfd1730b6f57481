# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moving a host's branch forward, whoever else moves it at the same time."""

from __future__ import annotations

import dataclasses
import typing as t

from ..core.errors import ChannelError
from ..update.git import SHORT, OvertakenError

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ..update.git import Remote, Repository

# Whoever loses a race finds the branch moved, and mostly nothing left to do: more than this many are no races.
ATTEMPTS = 6
# Shown of what a move brings.
MOST_COMMITS = 50


@dataclasses.dataclass(frozen=True)
class Advance:
    """Where a branch was and is; ``behind`` says that it was ahead of what it was to move to, and stays there."""

    before: str | None
    after: str
    behind: bool = False
    commits: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether it moved."""
        return self.before != self.after


def advance(remote: Remote, branch: str, revision: str, *, check: bool, pause: Callable[[int], None]) -> Advance:
    """Move ``branch`` of ``remote`` forward to ``revision``, or say that it would be; ``pause`` waits before another attempt.

    Between a look at the branch and its move, the server itself sees to it that nobody else has moved it. Raises
    ``ChannelError`` when forward does not lead there.
    """
    here = remote.repository
    _bring_here(here, remote, revision)
    attempt = 0
    while True:
        attempt += 1
        planned = _planned(here, remote, branch, revision)
        if check or not planned.changed:
            return planned
        try:
            remote.move(branch, planned.before, revision)
        except OvertakenError as overtaken:
            if attempt == ATTEMPTS:
                raise ChannelError(
                    f"others have moved {branch} {attempt} times while it was to be moved to {revision[:SHORT]}",
                    code="contended",
                    log=overtaken.log,
                    advice="see who else writes to this branch: its name should be of one host alone",
                ) from overtaken
            pause(attempt)
        else:
            return planned


def _planned(here: Repository, remote: Remote, branch: str, revision: str) -> Advance:
    before = remote.head(branch)
    if before is None or before == revision:
        return Advance(before, revision)
    if here.commit_named(before) is None:
        remote.fetch(f"refs/heads/{branch}")
    if here.commit_named(before) is None:
        raise ChannelError(
            f"{branch} is at {before[:SHORT]}, which cannot be fetched from {remote.shown}",
            code="not_fetched",
            advice="see whether the remote is whole: git fetch",
        )
    if _is_ancestor(here, before, revision):
        commits = here.output("log", "--format=%h %s", f"--max-count={MOST_COMMITS}", f"{before}..{revision}", "--")
        return Advance(before, revision, commits=tuple(commits.splitlines()))
    if _is_ancestor(here, revision, before):
        return Advance(before, before, behind=True)
    raise _not_forward(here, branch, before, revision)


def _not_forward(here: Repository, branch: str, before: str, revision: str) -> ChannelError:
    moving = f"{branch} moves forward only: it is at {before[:SHORT]}, and {revision[:SHORT]} does not come after that"
    if here.run("rev-parse", "--is-shallow-repository").stdout.strip() == "true":
        return ChannelError(
            f"{moving}, as far as this repository knows, which has not all of the history",
            code="shallow",
            advice="have all of it here: git fetch --unshallow, or in CI a checkout of full depth",
        )
    base = here.run("merge-base", before, revision).stdout.strip()
    parted = f"they parted after {base[:SHORT]}" if base else "they have no commit in common"
    return ChannelError(
        f"{moving}; {parted}",
        code="not_forward",
        advice=f"merge {before[:SHORT]} or build on top of it; if the branch is to be given up, delete it at the remote",
    )


def _bring_here(here: Repository, remote: Remote, revision: str) -> None:
    if here.commit_named(revision) is None:
        remote.fetch(revision)
    if here.commit_named(revision) is None:
        raise ChannelError(
            f"the commit {revision[:SHORT]} is neither in {here.path} nor to be had from {remote.shown}",
            code="no_commit",
            advice="name the repository that it is of (repository), and see that it was pushed",
        )


def _is_ancestor(here: Repository, one: str, other: str) -> bool:
    return here.run("merge-base", "--is-ancestor", one, other).ok
