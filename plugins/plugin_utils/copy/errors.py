# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Nix says when a copy fails, and what that means."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ..core.errors import CopyError
from ..nix.store import GONE

if t.TYPE_CHECKING:
    from ..core.process import Completed


@dataclasses.dataclass(frozen=True)
class Meaning:
    """A message of Nix, as a pattern, and what it means to the operator, and as an error's code."""

    pattern: str
    cause: str
    advice: str
    code: str = "failed"


# What the shell's exit code is where a command is not found.
NO_NIX = 127
NOT_THERE_ADVICE = (
    "if it was built a moment ago, a garbage collection has taken it: run again; otherwise build it there first, or name"
    " the machine that has it as `source_host`"
)
MEANINGS = (
    Meaning(
        r"lacks (a signature|a valid signature|signature) by a trusted key|lacks a valid signature",
        "the store does not take paths that no key it trusts has signed",
        "sign them with a key that it trusts (`nix store sign`, trusted-public-keys); or, unless check_signatures asks for"
        " signatures: log in as root, escalate, or make the login a trusted user of its Nix (trusted-users); or let the"
        " target build for itself (deploy_build_on: target)",
        code="unsigned",
    ),
    Meaning(
        r"No space left on device|database or disk is full|Disk quota exceeded",
        "the disk is full",
        "make room there (nix-collect-garbage --delete-older-than 30d), and run again:"
        " what has arrived is not sent a second time",
        code="disk_full",
    ),
    Meaning(
        r"is not allowed to connect to the Nix daemon",
        "the Nix daemon refuses the login",
        "add the user to `allowed-users` in its nix.conf, or escalate (ansible_become)",
        code="not_allowed",
    ),
    Meaning(
        r"error: out of memory|std::bad_alloc|std::length_error|basic_string::_M_|vector::_M_|larger than max_size",
        "Nix ran out of memory while it copied",
        "a copy of any size takes less than 100 MiB: look at what answers there as its Nix daemon, which announces more than"
        " a copy may take (1 GiB), and at whether one of the machines is short of memory",
        code="no_memory",
    ),
    Meaning(
        r"Read-only file system",
        "the store cannot be written",
        "the machine's store is on a read-only file system",
        code="read_only",
    ),
    Meaning(
        GONE.pattern,
        "a path that is to be copied is not in the store it is to come from",
        NOT_THERE_ADVICE,
        code="not_there",
    ),
)

# A copy that ended so may be tried again: what has arrived stays valid.
INTERRUPTED = re.compile(
    r"unexpected end-of-file|[Bb]roken pipe|[Cc]onnection reset|disconnected unexpectedly|[Cc]onnection refused"
    r"|error reading from socket|reading a line|[Cc]onnection timed out|cannot connect to socket|unexpected EOF"
    r"|cannot open connection to remote store|error: reading from file|writing to file",
)


def translated(answer: Completed, *, host: str) -> CopyError | None:
    """Return the error that ``answer`` is known to mean, or None."""
    for meaning in MEANINGS:
        if re.search(meaning.pattern, answer.stderr):
            return CopyError(
                meaning.cause,
                code=meaning.code,
                host=host,
                command=answer.argv,
                log=answer.stderr,
                advice=meaning.advice,
            )
    return None


def was_interrupted(answer: Completed) -> bool:
    """Whether ``answer`` is that of a copy whose connection broke."""
    return bool(INTERRUPTED.search(answer.stderr))


def no_nix(host: str, answer: Completed) -> CopyError:
    """Return the error for a machine without Nix."""
    return CopyError(
        "there is no Nix on this machine",
        code="no_nix",
        host=host,
        log=answer.stderr,
        advice="install Nix there, or add the directory of its programs to PATH with `environment:`",
    )
