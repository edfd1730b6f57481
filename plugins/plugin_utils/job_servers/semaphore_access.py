# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a server of Semaphore is, and what lets us in, told to be amiss before anything is asked."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ..core.errors import SemaphoreError
from ..core.redacted import redacted

ADDRESS = re.compile(r"https?://[^/\s]+(/\S*)?", re.IGNORECASE)
# What a header of HTTP carries, of which a bearer's token is one word: RFC 9110, 11.2.
TOKEN = re.compile(r"[!-~]+")


@dataclasses.dataclass(frozen=True)
class Access:
    """A server's address without a slash at its end, and a token."""

    url: str
    token: str = dataclasses.field(repr=False)

    @classmethod
    def of(cls, url: str, token: str) -> Access:
        """Return both, without the line break that a file may end with; raises ``SemaphoreError`` for what can be neither.

        Nothing that is raised has the token in it.
        """
        url, token = url.strip(), token.strip()
        if not ADDRESS.fullmatch(url):
            raise SemaphoreError(
                # A password may stand before the name.
                f"{url.rpartition('@')[2]!r} is not the address of a server: https:// and its name are needed",
                advice="write it as a browser shows it, such as https://semaphore.example",
            )
        if not token:
            raise SemaphoreError(
                f"there is no token for {redacted(url)}",
                advice="make one with the server (User settings, API Tokens), and set SEMAPHORE_TOKEN or the module's token",
            )
        if not TOKEN.fullmatch(token):
            raise SemaphoreError(
                "the token is none: it has a space, a line break or a character beyond ASCII in it",
                advice="copy it once more; it is one word",
            )
        return cls(url.rstrip("/"), token)

    def place(self, path: str) -> str:
        """Return the address of ``path`` in the server's API."""
        return f"{self.url}/api/{path}"

    def shown(self, path: str) -> str:
        """Return the same as it may be shown."""
        return t.cast("str", redacted(self.place(path)))
