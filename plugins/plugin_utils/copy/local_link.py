# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The link to the machine that we are on."""

from __future__ import annotations

import contextlib
import typing as t

if t.TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator, Sequence


class LocalLink:
    """A machine whose sockets are ours; see ``Link``."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.is_open = True

    def command(self, argv: Sequence[str]) -> list[str]:
        """See ``Link.command``."""
        return list(argv)

    @contextlib.contextmanager
    def bring(self, remote: str, local: pathlib.Path) -> Iterator[pathlib.Path]:
        """See ``Link.bring``."""
        yield local.__class__(remote)

    @contextlib.contextmanager
    def offer(self, local: pathlib.Path, remote: str) -> Iterator[str]:
        """See ``Link.offer``."""
        del remote
        yield str(local)

    def drop(self) -> None:
        """See ``Link.drop``."""
