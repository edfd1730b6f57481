# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""In what manner a copy goes, and what of that its line may still change."""

from __future__ import annotations

import dataclasses
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Manner:
    """Over which session, and whether the target fetches from its own caches what they have.

    ``compression`` is None for Ansible's session as it is, and ``given`` what was asked for, whatever the line says.
    """

    compression: bool | None
    fetching: bool
    may_compress: bool
    may_fetch: bool
    given: bool | None

    def after(self, *, compressing: bool, fetching: bool) -> Manner:
        """Return the manner of a copy that has turned out to be slow, for good."""
        compression = True if compressing else self.given
        return Manner(compression, fetching, may_compress=False, may_fetch=False, given=self.given)

    def __str__(self) -> str:
        """How it goes on, as the end of a sentence."""
        ways = ["with compression"] if self.compression else []
        ways += ["with what the host's own caches have from there"] if self.fetching else []
        return " and ".join(ways) or "as it was"


def manner_of(options: Mapping[str, t.Any]) -> Manner:
    """Return the manner that a task's ``options`` have a copy begin in.

    What they do not say is the line's to choose. A copy that a limit makes slow tells nothing of the line.
    """
    compression, fetching = options["compression"], options["substitute_on_destination"]
    return Manner(
        compression=compression,
        fetching=bool(fetching),
        may_compress=compression is None and not options["bandwidth"],
        may_fetch=fetching is None and not options["bandwidth"],
        given=compression,
    )
