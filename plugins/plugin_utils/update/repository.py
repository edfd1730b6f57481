# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Git repository, on whichever machine it is."""

from __future__ import annotations

import dataclasses
import typing as t

from ..core.errors import GitError

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ..core.process import Completed
    from ..nix.machine import Machine

# Nobody is there to be asked, a look disturbs nobody's work, and what Git says is read here.
QUIET = {"GIT_TERMINAL_PROMPT": "0", "SSH_ASKPASS_REQUIRE": "never", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
SHORT = 12


@dataclasses.dataclass(frozen=True)
class Repository:
    """The repository that the directory ``path`` of ``machine`` is in."""

    machine: Machine
    path: str

    def run(self, *arguments: str, environment: Mapping[str, str] | None = None) -> Completed:
        """Run Git; its failure is not an exception, and that there is none is a ``NixError``."""
        return self.machine.run(self.argv(*arguments), environment={**QUIET, **(environment or {})})

    def output(self, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
        """Return what Git prints; raises ``GitError`` when it fails."""
        done = self.run(*arguments, environment=environment)
        if not done.ok:
            raise GitError(
                f"git {arguments[0]} failed in {self.path}",
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

    def refuse_branch(self, branch: str, *, host: str | None = None) -> None:
        """Raise ``GitError`` for what cannot be the name of a branch."""
        # A character that cannot be printed may be one that no command line can have. Git takes refs/heads/main for a
        # name, and makes refs/heads/refs/heads/main of it. It takes @{-1} for the name of another branch.
        if branch.isprintable() and not branch.startswith("refs/"):
            done = self.machine.run(["git", "check-ref-format", "--branch", branch], environment=QUIET)
            if done.ok and done.stdout.strip() == branch:
                return
        raise GitError(
            f"{branch!r} cannot be the name of a branch",
            host=host,
            advice="choose another name (branch, or channel_branch of the role); git help check-ref-format has the rules",
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
