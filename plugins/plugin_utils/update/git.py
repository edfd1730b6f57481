# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Git repository on whichever machine it is, its remotes, and how far a revision is behind what is checked out.

A token for a remote reaches Git in its environment, and nothing and nobody else: no command line has it, no file and no setting of
Git's. The helper that hands it out is asked for one host alone, so that a
redirection leads it nowhere; and it is the only one, since Git tells every helper a token that worked, and some write it
down.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import time
import typing as t
import urllib.parse

from ..core.errors import GitError, NixError
from ..core.text import redacted

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ..core.process import Completed
    from ..nix.machine import Machine

WEB = re.compile(r"(?P<scheme>https?)://(?:(?P<user>[^/@]*)@)?(?P<host>[^/@=]+)(?:/.*)?")
# Where nothing travels: what is sent without encryption goes nowhere else.
LOOPBACK = re.compile(r"(localhost|127(\.[0-9]+){3}|\[::1\])(:[0-9]+)?")
# user:PASSWORD@host
PASSWORD = re.compile(r"(?P<scheme>[a-z+]+)://(?P<user>[^/@:]*):(?P<password>[^/@]+)@(?P<rest>.*)")
TOKEN, USER = "NIX_FLEET_GIT_TOKEN", "NIX_FLEET_GIT_USER"
HELPER = f"""!f() {{ test "$1" = get && printf 'username=%s\\npassword=%s\\n' "${USER}" "${TOKEN}"; }}; f"""


def validate_address(url: str) -> None:
    """Raise ``GitError`` for an address with a password in it, which everyone could read on command lines."""
    if PASSWORD.fullmatch(url):
        raise GitError(
            "the address of the remote has a password in it, which would be seen on command lines",
            code="password",
            advice="leave it out there, and give it by itself (update_token, channel_token)",
        )


def without_password(url: str) -> tuple[str, str | None]:
    """Return an address of the web without the password in it, and that; any other address as it is."""
    found = PASSWORD.fullmatch(url)
    if found is None or found["scheme"] not in ("http", "https"):
        return url, None
    user = f"{found['user']}@" if found["user"] else ""
    return f"{found['scheme']}://{user}{found['rest']}", urllib.parse.unquote(found["password"])


@dataclasses.dataclass(frozen=True)
class Credential:
    """What Git is told in ``options``, which everyone may see, and in the environment, which has the token."""

    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)


def credential(url: str, token: str) -> Credential:
    """Return what lets Git sign in at ``url``, as the user in it or as any, on whichever machine and with whatever settings there.

    Raises ``GitError`` where a token is of no use: any other address than one of the web has other ways to sign in.
    """
    web = WEB.fullmatch(url)
    if web is None:
        raise GitError(
            "a token is of use for a remote of https alone",
            code="bad_token",
            advice="leave the token out; ssh signs in with its keys",
        )
    if web["scheme"] == "http" and not LOOPBACK.fullmatch(web["host"]):
        raise GitError(
            f"a token would travel to {web['host']} without encryption, for everyone on the way to read",
            code="unencrypted",
            advice="give the remote an address of https",
        )
    # Most forges take any name.
    user = urllib.parse.unquote(web["user"] or "git")
    if any(mark in token + user for mark in "\n\r\0"):
        raise GitError("the token has a line break", code="bad_token", advice="give it as one line")
    # A user in the address is part of what Git asks for, and a setting for a host answers for each of its users.
    helper = f"credential.{web['scheme']}://{web['host']}.helper={HELPER}"
    return Credential(("-c", "credential.helper=", "-c", helper), {TOKEN: token, USER: user})


# Nobody is there to be asked, a look disturbs nobody's work, and what Git says is read here.
QUIET = {"GIT_TERMINAL_PROMPT": "0", "SSH_ASKPASS_REQUIRE": "never", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}


@dataclasses.dataclass(frozen=True)
class Repository:
    """The repository that the directory ``path`` of ``machine`` is in."""

    machine: Machine
    path: str

    def run(self, *arguments: str, environment: Mapping[str, str] | None = None) -> Completed:
        """Run Git; its failure is not an exception, and that there is none is a ``NixError``."""
        return self.machine.run(self.argv(*arguments), environment={**QUIET, **(environment or {})})

    def output(self, *arguments: str) -> str:
        """Return what Git prints; raises ``GitError`` when it fails."""
        done = self.run(*arguments)
        if not done.ok:
            raise GitError(
                f"git {arguments[0]} failed in {self.path}",
                code="failed",
                command=done.argv,
                log=done.stderr or done.stdout,
                advice=_advice(done.stderr),
            )
        return done.stdout

    def argv(self, *arguments: str) -> list[str]:
        """Return the command line, for a person too."""
        return ["git", "-C", self.path, *arguments]

    def commit_named(self, name: str) -> str | None:
        """Return the commit that a name or the beginning of a revision stands for, if there is one."""
        done = self.run("rev-parse", "--quiet", "--verify", "--end-of-options", f"{name}^{{commit}}")
        return done.stdout.strip() or None if done.ok else None

    def validate_branch(self, branch: str, *, host: str | None = None) -> None:
        """Raise ``GitError`` for what cannot be the name of a branch."""
        # A character that cannot be printed may be one that no command line can have. Git takes refs/heads/main for a
        # name, and makes refs/heads/refs/heads/main of it. It takes @{-1} for the name of another branch.
        if branch.isprintable() and not branch.startswith("refs/"):
            done = self.machine.run(["git", "check-ref-format", "--branch", branch], environment=QUIET)
            if done.ok and done.stdout.strip() == branch:
                return
        raise GitError(
            f"{branch!r} cannot be the name of a branch",
            code="bad_branch",
            host=host,
            advice="choose another name (update_branch, channel_branch); `git help check-ref-format` has the rules",
        )


def _advice(said: str) -> str:
    if "index.lock" in said:
        return "another Git works in this repository, or one was killed: wait for it, or remove the file that it names"
    if "dubious ownership" in said:
        return "let the owner of the repository do it, or name it in Git's safe.directory"
    if "Please tell me who you are" in said or "empty ident" in said or "unable to auto-detect email" in said:
        return (
            "set user.name and user.email, or GIT_AUTHOR_NAME, GIT_COMMITTER_EMAIL and so on in the task's environment"
        )
    return "see what Git says, and run again"


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
    """A remote of a repository, by name, path or address."""

    repository: Repository
    name: str
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
            self._raise_if_overtaken(branch, before, done)
        raise self._error(f"{branch} of {self.shown} cannot be moved: {_reason(_said(done))}", done)

    @property
    def shown(self) -> str:
        """The remote's name, for a person."""
        return str(redacted(self.name))

    @functools.cached_property
    def _place(self) -> tuple[str, str | None]:
        """Where it is read and written alike, and a password for it: by its name, unless that has another address for pushes.

        Semaphore and others leave the password in the address of what they clone. It goes where a token goes.
        """
        validate_address(self.name)
        fetched = self.repository.run("remote", "get-url", "--all", "--", self.name)
        if not fetched.ok:
            return self.name, None
        pushed = self.repository.output("remote", "get-url", "--push", "--all", "--", self.name)
        url, *others = pushed.splitlines()
        address, password = without_password(url)
        if password is not None and not others:
            return address, password
        for address in (url, *others):
            validate_address(address)
        return self.name if pushed == fetched.stdout else url, None

    @property
    def _address(self) -> str:
        return self._place[0]

    def _push(self, branch: str, before: str | None, after: str) -> Completed:
        reference = f"refs/heads/{branch}"
        lease = f"--force-with-lease={reference}:{before or ''}"
        return self._run("push", "--porcelain", "--no-verify", lease, "--", self._address, f"{after}:{reference}")

    def _raise_if_overtaken(self, branch: str, before: str | None, done: Completed) -> None:
        if self.head(branch) != before:
            raise OvertakenError(
                f"somebody else has moved {branch} meanwhile",
                code="overtaken",
                command=redacted(list(done.argv)),
                log=str(redacted(_said(done))),
            )

    def _run(self, *arguments: str) -> Completed:
        signing_in = self._credential
        return self.repository.run(*signing_in.options, *arguments, environment=signing_in.environment)

    @functools.cached_property
    def _credential(self) -> Credential:
        address, password = self._place
        if self.token is None:
            return Credential() if password is None else credential(address, password)
        named = self.repository.run("remote", "get-url", "--", address)
        return credential(named.stdout.strip() if named.ok else address, self.token)

    def _error(self, cause: str, done: Completed) -> GitError:
        said = _said(done)
        return GitError(
            cause,
            code="remote",
            command=redacted(list(done.argv)),
            log=str(redacted(said)),
            advice=_remote_advice(said),
        )


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


def _remote_advice(said: str) -> str:
    if "could not read Username" in said or "Authentication failed" in said or "terminal prompts disabled" in said:
        return "give a token that may write there (update_token, channel_token), or let Git's own settings sign in"
    if "Permission denied (publickey" in said or "Host key verification failed" in said:
        return "let ssh sign in there without a question: a key that the remote knows, and its host key in known_hosts"
    if "hook declined" in said or "protected branch" in said:
        return "let whoever this signs in as write to this branch, in the settings of the remote"
    if ".lock': File exists" in said:
        return "another push is at work there, or one that was killed has left this lock behind: remove the file that is named"
    if "cannot lock ref" in said or "directory file conflict" in said:
        return "a branch of the remote has a name that leaves no room for this one: rename either"
    return "see what Git says; the same command can be repeated by hand"


@dataclasses.dataclass(frozen=True)
class Distance:
    """Where a machine stands in the history of the flake.

    ``behind`` is how many commits of what is checked out it does not have, ``ahead`` how many it has that are not of what
    is checked out: deployed from another branch, or from a newer clone. None where the history does not tell;
    ``unknown`` says why it does not tell of a revision that was deployed.
    """

    deployed: str | None
    dirty: bool
    current: str | None = None
    behind: int | None = None
    ahead: int | None = None
    unknown: str | None = None

    def to_result(self) -> dict[str, t.Any]:
        """Return the distance as the value of a module's result."""
        return dataclasses.asdict(self)


def distance(repository: Repository, deployed: str | None, *, dirty: bool) -> Distance:
    """Return how far ``deployed`` is behind what is checked out; without Git or a repository that is not known."""
    try:
        current = repository.commit_named("HEAD")
        if deployed is None:
            return Distance(deployed, dirty, current)
        known = repository.commit_named(deployed) if current else None
        if known is None:
            place = f"the history in {repository.path} does not have the revision that was deployed"
            none = f"{repository.path} is in no Git repository that can be read and has a commit"
            return Distance(deployed, dirty, current, unknown=place if current else none)
        counted = repository.run("rev-list", "--left-right", "--count", f"{known}...{current}", "--")
    except NixError as error:
        return Distance(deployed, dirty, unknown=error.cause if deployed else None)
    counts = counted.stdout.split()
    if not counted.ok or len(counts) != 2:
        return Distance(deployed, dirty, current, unknown=f"git rev-list failed in {repository.path}")
    return Distance(deployed, dirty, current, behind=int(counts[1]), ahead=int(counts[0]))
