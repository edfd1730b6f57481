# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A flake that is to be at one of the revisions that somebody named, such as the one that was built and approved."""

from __future__ import annotations

import re
import typing as t

from ..core.errors import EvaluationError
from .evaluation_result import Failed

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ..nix.source import Snapshot, Source

# A commit by SHA-1 or SHA-256 (https://git-scm.com/docs/hash-function-transition), or what Nix calls narHash.
REVISION = re.compile("[0-9a-f]{40}|[0-9a-f]{64}|sha256-[A-Za-z0-9+/]{43}=")


def named_revisions(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the revisions that an option names, without what is empty; raises ``EvaluationError`` for what is none."""
    named = tuple(text for text in texts if text)
    for text in named:
        if not REVISION.fullmatch(text):
            raise EvaluationError(
                f"revision: {text!r} is neither the whole name of a commit nor the hash of a flake's files",
                advice="name it as a build says it; changes that are not committed are of no revision: commit them, and"
                " build again (deploy_revision)",
            )
    return named


def other_than(named: Sequence[str], source: Source, snapshot: Snapshot) -> Failed | None:
    """Return why the flake is not at a revision of ``named``, if it is not."""
    if snapshot.identity in named:
        return None
    there, wanted = snapshot.revision or snapshot.identity, " or ".join(named)
    advice = "build what is there now and have that approved, or have the flake as it was (deploy_revision)"
    if there is None:
        return Failed(f"{source.name} is of no known revision, and is to be at {wanted}", advice=advice)
    return Failed(
        f"{source.name} is at revision {there}, and is to be at {wanted}",
        advice=f"{'commit its changes, ' if snapshot.dirty else ''}{advice}",
    )
