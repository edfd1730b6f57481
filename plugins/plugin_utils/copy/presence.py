# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a machine's store has what is to be there."""

from __future__ import annotations

import typing as t

from ..core.errors import CopyError
from ..nix.store import parse_paths
from .door import NO_NIX, no_nix
from .errors import translated
from .scripts import function, script

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ..core.process import Completed
    from ..core.shell import Shell


def missing_paths(shell: Shell, paths: Sequence[str], *, protect_as: str | None = None) -> list[str]:
    """Return those of ``paths`` that the store of ``shell``'s machine lacks: one round trip.

    When it lacks none and ``protect_as`` is given, the paths are kept from the garbage collector, in place of those
    that were last kept under that name.
    """
    answer = shell.run(f'{present_function()}present "$@"\n', protect_as or "", *paths)
    refuse_failed(shell.host, answer, paths)
    return parse_paths(answer.stdout)


def present_function() -> str:
    """Return `present.sh` as a function, with what it needs."""
    return function("keep", script("keep")) + function("present", script("present"))


def refuse_failed(host: str, answer: Completed, paths: Sequence[str]) -> None:
    """Raise why `present.sh` could not tell, if it could not."""
    if answer.rc == NO_NIX:
        raise no_nix(host, answer)
    if not answer.ok:
        raise translated(answer, host=host) or CopyError(
            "the Nix store cannot be asked what it has",
            host=host,
            command=["nix-store", "--check-validity", "--print-invalid", *paths],
            log=answer.stderr,
        )


def missing_of_many(shell: Shell, paths: Sequence[str]) -> list[str]:
    """Return those of ``paths``, of which there may be thousands, that the store of ``shell``'s machine lacks."""
    # On standard input, since a command line is limited; the characters of a store path need no quoting for xargs.
    listed = "\n".join(paths)
    answer = shell.run(f"xargs nix-store --check-validity --print-invalid <<'end of paths'\n{listed}\nend of paths\n")
    if not answer.ok:
        raise CopyError("the Nix store cannot be asked what it has", host=shell.host, log=answer.stderr)
    return parse_paths(answer.stdout)
