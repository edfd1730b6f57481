# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a store has of a list of paths, and which of them no trusted key has signed: `nix store verify`, without contents.

That command asks for many paths at once, and names each that is not as it should be.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ..nix.command import nix
from ..nix.log import LOG_FORMAT, NixLog, is_error, readable
from ..nix.machine import portions
from .errors import failure

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ..nix.machine import Machine
    from .store import Store

NOT_VALID = re.compile(r"path '(?P<path>/nix/store/[^']+)' is not valid")
UNTRUSTED = re.compile(r"path '(?P<path>/nix/store/[^']+)' is untrusted")
# Nix remembers for days what binary caches have. What has gone there since is what is asked for here; for as long as one
# question lasts it may remember the answers, of which it has more than one use.
ASK_ANEW = {"narinfo-cache-positive-ttl": 10, "narinfo-cache-negative-ttl": 0}


@dataclasses.dataclass(frozen=True)
class Lack:
    """What a store lacks: paths, and signatures of paths that it has."""

    missing: tuple[str, ...] = ()
    unsigned: tuple[str, ...] = ()


def verification(store: Store, paths: Sequence[str], public_key: str | None) -> list[str]:
    """Return the command that names what ``store`` lacks of ``paths``; without a key, signatures do not matter."""
    trust = (
        ["--no-trust"] if public_key is None else ["--sigs-needed", "1", "--option", "trusted-public-keys", public_key]
    )
    return nix("store", "verify", *LOG_FORMAT, "--no-contents", *trust, "--store", store.uri, "--", *paths)


def lack(
    store: Store, paths: Sequence[str], machine: Machine, *, public_key: str | None = None, timeout: float | None = None
) -> Lack:
    """Return what ``store`` lacks of ``paths`` as ``machine`` sees it; raises ``CacheError`` when it cannot be asked."""
    found = Lack()
    for some in portions(paths, len):
        part = _asked(store, verification(store, some, public_key), machine, timeout)
        found = Lack((*found.missing, *part.missing), (*found.unsigned, *part.unsigned))
    return found


def _asked(store: Store, command: Sequence[str], machine: Machine, timeout: float | None) -> Lack:
    answer = machine.run(command, timeout=timeout)
    if answer.ok:
        return Lack()
    log = NixLog().read_all(answer.stderr)
    missing, unsigned, other = [], [], []
    for message in log.messages:
        if found := NOT_VALID.search(message.text):
            missing.append(found["path"])
        elif found := UNTRUSTED.search(message.text):
            unsigned.append(found["path"])
        elif is_error(message.text):
            other.append(message)
    if other or not (missing or unsigned):
        raise failure(
            store,
            command=readable(command),
            causes=[message.cause for message in other],
            # What ssh says itself is no message of Nix's.
            log="\n".join([*log.other, *(message.text for message in other)]) or log.text,
            machine=machine.name,
            rc=answer.rc,
        )
    return Lack(tuple(dict.fromkeys(missing)), tuple(dict.fromkeys(unsigned)))
