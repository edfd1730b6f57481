# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What carries a socket between the controller and another machine."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    import pathlib
    from collections.abc import Sequence
    from contextlib import AbstractContextManager


class LinkLostError(Exception):
    """The machine at the other end gives no sign of life any more."""


class Link(t.Protocol):
    """The controller's way to one machine, as the user who logs in there."""

    @property
    def host(self) -> str:
        """The inventory name of the machine, for messages."""

    @property
    def is_open(self) -> bool:
        """Whether the link is there; one that is silent is."""

    def command(self, argv: Sequence[str]) -> list[str]:
        """Return the command line which, run here, runs ``argv`` there with its standard input, output and error."""

    def bring(self, remote: str, local: pathlib.Path) -> AbstractContextManager[pathlib.Path]:
        """Make the machine's socket ``remote`` reachable here, and yield where; ``local`` is a free path for it."""

    def offer(self, local: pathlib.Path, remote: str) -> AbstractContextManager[str]:
        """Make the socket ``local`` reachable on the machine, and yield where; ``remote`` is a free path for it."""

    def drop(self) -> None:
        """Give the link up, so that nothing waits for it any longer."""
