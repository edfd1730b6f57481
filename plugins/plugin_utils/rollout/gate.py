# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a host may still begin, after what has become of the others."""

from __future__ import annotations

import typing as t

from ..errors import HeldBackError

if t.TYPE_CHECKING:
    from .ledger import Ledger


def failures(ledger: Ledger, host: str, failed: t.Iterable[str] = ()) -> int:
    """Return how many hosts besides ``host`` have failed: those of ``failed``, and those that were noted."""
    return len(set(failed) - {host}) + ledger.count("failed", besides=host)


def hold_back(ledger: Ledger, host: str, limit: int, failed: t.Iterable[str] = ()) -> None:
    """Raise when more hosts than ``limit`` have failed."""
    if failures(ledger, host, failed) > limit:
        which = (
            f"more than {limit} other hosts of this run have failed" if limit else "another host of this run has failed"
        )
        raise HeldBackError(
            f"{which}; nothing was activated here",
            advice="see why they failed, and run again",
            outcome="held_back",
        )
