# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address of a store that others fetch from, as Nix names stores."""

from __future__ import annotations

import dataclasses
import re
import typing as t
import urllib.parse

from ..core.errors import CacheError

SCHEMES = ("ssh", "ssh-ng", "file", "http", "https", "s3")
# Parameters of Nix that name a signing key: one that is given so would be used unexamined.
KEY_PARAMETERS = ("secret-key", "secret-keys")
UNPRINTABLE = re.compile(r"[\s\x00-\x1f\x7f]")
INFO_FILE = "nix-cache-info"


@dataclasses.dataclass(frozen=True)
class Store:
    """A store by its address; ``directory`` is where it is on the machine itself, if it is."""

    uri: str
    scheme: str
    directory: str | None = None

    @property
    def info_file(self) -> str | None:
        """The file that makes a directory a binary cache."""
        return self.directory and f"{self.directory}/{INFO_FILE}"

    @property
    def adds_signatures(self) -> bool:
        """Whether a path that is there already can be given one more signature."""
        return self.scheme != "ssh"


def parse_store(uri: str) -> Store:
    """Read the address of a store; raises ``CacheError`` for what is none, or holds a secret."""
    if UNPRINTABLE.search(uri):
        raise CacheError("the address of a store has no white space in it", advice=_FORMS)
    try:
        parts = urllib.parse.urlsplit(uri)
        password = parts.password
    except ValueError as error:
        raise CacheError(f"not the address of a store ({error})", advice=_FORMS) from error
    if password is not None:
        raise CacheError(
            "the address of the store has a password in it, which everyone on the machine could read",
            advice="leave it out, and have Nix read it from a file: `nix_options: {netrc-file: /etc/nix/netrc}`",
        )
    if parts.scheme not in SCHEMES or not uri.startswith(f"{parts.scheme}://"):
        raise CacheError(f"not the address of a store that can be pushed to: {uri}", advice=_FORMS)
    parameters = urllib.parse.parse_qs(parts.query, keep_blank_values=True)
    if named := [name for name in KEY_PARAMETERS if name in parameters]:
        raise CacheError(
            f"the address of the store has the parameter {named[0]}", advice="name the key in `secret_key_file` instead"
        )
    return Store(uri, parts.scheme, _directory(parts))


def _directory(parts: urllib.parse.SplitResult) -> str | None:
    if parts.scheme != "file":
        if not parts.netloc:
            raise CacheError(f"the address of the store names no {_place(parts.scheme)}", advice=_FORMS)
        return None
    if parts.netloc or not parts.path.startswith("/"):
        raise CacheError("the directory of a file:// store is an absolute path", advice=_FORMS)
    return urllib.parse.unquote(parts.path.rstrip("/"))


def _place(scheme: str) -> str:
    return "bucket" if scheme == "s3" else "host"


_FORMS: t.Final = (
    "give it as Nix does: ssh-ng://user@host, ssh://user@host, file:///srv/cache, https://cache.example.org or"
    " s3://bucket?region=eu-west-1"
)
