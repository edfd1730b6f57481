# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a machine's Nix fetches from and whom it trusts: what is to be in nix.conf, and what became of it there."""

from __future__ import annotations

import dataclasses
import re
import typing as t
from pathlib import Path

from ..errors import CacheError
from ..nix.language import string_literal
from ..transport.fields import fields_and_log
from .key import PUBLIC_KEY
from .store import UNPRINTABLE

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ..transport.shell import Shell

SCRIPT = Path(__file__).with_suffix(".sh")
# What nix.conf takes for a comment, and what a store's address begins with.
COMMENT = "#"
ADDRESS = re.compile(r"[a-z][a-z0-9+-]*://\S+")

# Where each manager's own configuration has such settings.
PLACES = {
    "nixos": "the NixOS configuration",
    "darwin": "the nix-darwin configuration",
    "home-manager": "the home-manager configuration",
}


@dataclasses.dataclass(frozen=True)
class Substituters:
    """Stores to fetch from and keys to trust, beside those that the machine has anyway."""

    stores: Sequence[str]
    keys: Sequence[str]

    def check(self) -> None:
        """Raise ``CacheError`` for what nix.conf could not hold."""
        for store in self.stores:
            if UNPRINTABLE.search(store) or COMMENT in store or not ADDRESS.fullmatch(store):
                raise CacheError(f"not the address of a store: {store!r}", advice="such as https://cache.example.org")
        for key in self.keys:
            if not PUBLIC_KEY.fullmatch(key) or COMMENT in key:
                raise CacheError(
                    f"not a public key: {key!r}",
                    advice="such as cache.example.org-1:…=, which is what nix_cache_push returns as public_key",
                )

    @property
    def module_lines(self) -> str:
        """The same as lines of a NixOS, nix-darwin or home-manager module."""
        lines = [
            f"  {name} = [ {' '.join(map(string_literal, values))} ];\n"
            for name, values in self._settings.items()
            if values
        ]
        return "".join(["nix.settings = {\n", *lines, "};\n"])

    @property
    def lines(self) -> str:
        """The same as lines of nix.conf."""
        return "".join(f"{name} = {' '.join(values)}\n" for name, values in self._settings.items() if values)

    @property
    def _settings(self) -> dict[str, Sequence[str]]:
        return {"extra-substituters": self.stores, "extra-trusted-public-keys": self.keys}


@dataclasses.dataclass(frozen=True)
class Configured:
    """What became of the file, or would become of it.

    ``managed`` is whose configuration it is part of, and then nothing was written; ``there`` says that Nix has all of it
    nevertheless. ``believed``: whether Nix acts on the file at all. ``interrupted``: the file was as it should be, but the run that
    wrote it had ended before the daemon was restarted. ``to_be_restarted``: there is a daemon that nobody here can restart, and that
    has read the file as it was.
    """

    file: str
    managed: str | None
    there: bool
    believed: bool
    changed: bool
    interrupted: bool
    restarted: bool
    to_be_restarted: bool
    before: str


def configure(shell: Shell, substituters: Substituters, *, file: str | None, check: bool) -> Configured:
    """Have the machine of ``shell`` use ``substituters``, unless its nix.conf is the configuration's."""
    arguments = (str(int(check)), file or "", " ".join(substituters.stores), " ".join(substituters.keys))
    answer = shell.run(SCRIPT.read_text(encoding="utf-8"), *arguments)
    fields, _log = fields_and_log(answer.stdout)
    if not answer.ok or not fields.get("file"):
        reasons = [line for line in answer.stderr.splitlines() if line.strip()]
        raise CacheError(
            f"nix.conf could not be changed: {reasons[-1] if reasons else 'the machine did not say why'}",
            log=answer.stderr,
            advice="see that the user may write it (become), or put the lines where the machine's configuration is",
        )
    return Configured(
        file=fields["file"][0],
        managed=fields["managed"][0] if "managed" in fields else None,
        there="there" in fields,
        believed="believed" in fields,
        changed="changed" in fields,
        interrupted="interrupted" in fields,
        restarted="restarted" in fields,
        to_be_restarted="to_be_restarted" in fields,
        before="".join(f"{line}\n" for line in fields.get("before", ())),
    )
