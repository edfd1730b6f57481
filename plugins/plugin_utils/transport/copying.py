# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One copy: Nix's command line for it, and what its log and its end mean."""

from __future__ import annotations

import dataclasses
import typing as t

from ..errors import CopyError
from ..nix.command import nix
from ..nix.log import LOG_FORMAT, MOST_EVENTS, Event, NixLog
from .errors import translated, was_interrupted
from .link import LinkLostError

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ..process import Completed

# Number of Nix's `ActivityType`.
COPY_PATH = 100


@dataclasses.dataclass(frozen=True)
class Copy:
    """What is to be copied, and how."""

    paths: Sequence[str]
    check_signatures: bool = False
    substitute_on_destination: bool = False

    def command(self, store: str) -> list[str]:
        """Return the command that copies into ``store``."""
        return nix(
            "copy",
            *LOG_FORMAT,
            *([] if self.check_signatures else ["--no-check-sigs"]),
            *(["--substitute-on-destination"] if self.substitute_on_destination else []),
            "--to",
            store,
            *self.paths,
        )


class CopyLog(NixLog):
    """Follows the log of a copy, and knows which paths were sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[str] = []

    def read(self, line: str) -> str | None:
        """Take one line; return the path that is sent from then on, if any."""
        super().read(line)
        event = Event.parse(line)
        if event is None or event.action != "start" or event.type != COPY_PATH or not event.fields:
            return None
        if len(self.sent) >= MOST_EVENTS:
            return None
        path = str(event.fields[0])
        self.sent.append(path)
        return path


def verify(answer: Completed, log: CopyLog, *, host: str) -> None:
    """Raise what the end of a copy to ``host`` means, unless it went well."""
    if answer.ok:
        return
    readable = dataclasses.replace(answer, stderr=log.text)
    known = translated(readable, host=host)
    if known:
        raise known
    if was_interrupted(readable):
        raise LinkLostError(f"{host}: {log.cause or 'the connection broke'}")
    raise CopyError(
        log.cause or f"nix copy ended with exit code {answer.rc}", host=host, command=answer.argv, log=log.text
    )
