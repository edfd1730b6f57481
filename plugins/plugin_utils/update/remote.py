# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Branches of a remote: where they are, and moving them from one commit to another and from nowhere else."""

from __future__ import annotations

import dataclasses
import functools
import time
import typing as t

from ..core.errors import GitError
from ..core.redacted import redacted
from .credential import Credential, credential, refuse_password

if t.TYPE_CHECKING:
    from ..core.process import Completed
    from .repository import Repository

# What a server says, among others, when another writer was there first: with a lease, with a reference's lock, with its transaction.
OVERTAKEN = (
    "stale info",
    "cannot lock ref",
    "failed to lock",
    "fetch first",
    "failed to update ref",
    "reference already exists",
)
# For longer than a server holds the lock of a branch that it moves.
LOCK_SECONDS = 0.5


class OvertakenError(GitError):
    """The branch was not where it was said to be: somebody else has moved it."""


@dataclasses.dataclass(frozen=True)
class Remote:
    """A remote of a repository, by name, path or address, and whom one is there."""

    repository: Repository
    name: str
    user: str = "git"
    token: str | None = dataclasses.field(default=None, repr=False)

    def head(self, branch: str) -> str | None:
        """Return the commit that a branch is at, or None where there is no such branch."""
        reference = f"refs/heads/{branch}"
        done = self._run("ls-remote", "--", self._address, reference)
        if not done.ok:
            raise self._error(f"the remote {self.shown} cannot be read", done)
        # Git looks for the end of the name.
        found = (line.split("\t") for line in done.stdout.splitlines())
        return next((pair[0] for pair in found if pair[1:] == [reference]), None)

    def fetch(self, *what: str) -> bool:
        """Have the objects of commits or branches here, and say whether that could be; no branch here changes."""
        return self._run("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--", self._address, *what).ok

    def move(self, branch: str, before: str | None, after: str) -> None:
        """Move a branch from ``before``, or from nowhere, to ``after``.

        Raises ``OvertakenError`` when it is not at ``before``, which the server itself looks at when it moves it, and
        ``GitError`` when it may not be moved.
        """
        for pause in (0.0, LOCK_SECONDS):
            time.sleep(pause)
            done = self._push(branch, before, after)
            if done.ok:
                return
            if not _may_be_overtaken(done):
                break
            # The same is said where a lock was left behind, or another branch is in the way: only the branch itself tells.
            self._refuse_overtaken(branch, before, done)
        raise self._error(f"{branch} of {self.shown} cannot be moved: {_reason(_said(done))}", done)

    @property
    def shown(self) -> str:
        """The remote's name, for a person."""
        return str(redacted(self.name))

    @functools.cached_property
    def _address(self) -> str:
        """Where it is read and written alike: by its name, unless that has another address for pushes."""
        refuse_password(self.name)
        fetched = self.repository.run("remote", "get-url", "--all", "--", self.name)
        if not fetched.ok:
            return self.name
        pushed = self.repository.output("remote", "get-url", "--push", "--all", "--", self.name)
        for url in (*fetched.stdout.splitlines(), *pushed.splitlines()):
            refuse_password(url)
        return self.name if pushed == fetched.stdout else pushed.splitlines()[0]

    def _push(self, branch: str, before: str | None, after: str) -> Completed:
        reference = f"refs/heads/{branch}"
        lease = f"--force-with-lease={reference}:{before or ''}"
        return self._run("push", "--porcelain", "--no-verify", lease, "--", self._address, f"{after}:{reference}")

    def _refuse_overtaken(self, branch: str, before: str | None, done: Completed) -> None:
        if self.head(branch) != before:
            raise OvertakenError(
                f"somebody else has moved {branch} meanwhile",
                command=redacted(list(done.argv)),
                log=str(redacted(_said(done))),
            )

    def _run(self, *arguments: str) -> Completed:
        signing_in = self._credential
        return self.repository.run(*signing_in.options, *arguments, environment=signing_in.environment)

    @functools.cached_property
    def _credential(self) -> Credential:
        if self.token is None:
            return Credential()
        named = self.repository.run("remote", "get-url", "--", self._address)
        url = named.stdout.strip() if named.ok else self._address
        return credential(url, self.user, self.token)

    def _error(self, cause: str, done: Completed) -> GitError:
        said = _said(done)
        return GitError(cause, command=redacted(list(done.argv)), log=str(redacted(said)), advice=_advice(said))


def _said(done: Completed) -> str:
    return f"{done.stdout}\n{done.stderr}".strip()


def _may_be_overtaken(done: Completed) -> bool:
    return any(word in _said(done) for word in OVERTAKEN)


def _reason(text: str) -> str:
    """Return why the remote refused, from a line such as ``! SOURCE:TARGET [remote rejected] (hook declined)``."""
    for line in text.splitlines():
        if line.startswith("!"):
            return line.split("\t")[-1].strip()
    said = [line.removeprefix("fatal: ") for line in text.splitlines() if line.startswith(("fatal: ", "error: "))]
    return str(redacted(said[0])) if said else "it does not say why"


def _advice(said: str) -> str:
    if "could not read Username" in said or "Authentication failed" in said or "terminal prompts disabled" in said:
        return "give a token that may write there (token), or let Git's own settings sign in"
    if "Permission denied (publickey" in said or "Host key verification failed" in said:
        return "let ssh sign in there without a question: a key that the remote knows, and its host key in known_hosts"
    if "hook declined" in said or "protected branch" in said:
        return "let whoever this signs in as write to this branch, in the settings of the remote"
    if ".lock': File exists" in said:
        return "another push is at work there, or one that was killed has left this lock behind: remove the file that is named"
    if "cannot lock ref" in said or "directory file conflict" in said:
        return "a branch of the remote has a name that leaves no room for this one: rename either"
    return "see what Git says; the same command can be repeated by hand"
