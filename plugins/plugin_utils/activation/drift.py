# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine runs and boots, beside what its journal says: whether somebody else has changed it since."""

from __future__ import annotations

import dataclasses
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# How a deployment ends that leaves what was asked for.
DONE = ("activated", "confirmed")


@dataclasses.dataclass(frozen=True)
class Drift:
    """What the machine should have by its journal, and what was found: as what it ``runs``, or as what it ``boots``."""

    what: str
    expected: str
    found: str

    @property
    def text(self) -> str:
        """The drift in a sentence."""
        return f"{self.what} {self.found}, and was deployed {self.expected}"

    def to_result(self) -> dict[str, str]:
        """Return the drift as the value of a module's result."""
        return dataclasses.asdict(self)


def drift_of(facts: Mapping[str, t.Any]) -> Drift | None:
    """Return how a machine differs from what the last deployment of its profile has left, if it is known and does."""
    last = next((entry for entry in reversed(_own(facts)) if entry.get("outcome")), None)
    if last is None:
        return None
    default, running = facts.get("default"), facts.get("current_system")
    boots, runs = _left(last, default, running)
    if boots and default and boots != default:
        return Drift("boots", boots, default)
    # The specialisation of a system runs as one of its own.
    if runs and running and runs != running and not facts.get("specialisation"):
        return Drift("runs", runs, running)
    return None


def deployed_revision(facts: Mapping[str, t.Any]) -> tuple[str | None, bool]:
    """Return the revision that the profile's closure was deployed from, and whether that had changes not committed."""
    for entry in reversed(_own(facts)):
        left = (entry.get("to") or {}).get("closure")
        if entry.get("outcome") in DONE and entry.get("revision") and left == facts.get("default"):
            revision = str(entry["revision"])
            return revision.removesuffix("-dirty"), bool(entry.get("dirty")) or revision.endswith("-dirty")
    return None, False


def _left(entry: Mapping[str, t.Any], default: t.Any, running: t.Any) -> tuple[str | None, str | None]:
    """Return what a deployment left to be booted and to be run, as far as that is known for good."""
    before, wanted = entry.get("from") or {}, (entry.get("to") or {}).get("closure")
    if entry.get("outcome") == "rolled_back":
        return before.get("closure"), before.get("running")
    if entry.get("outcome") not in DONE:
        return None, None
    goal = entry.get("goal")
    # A test lasts until the next boot, which brings back the default; a system for the next boot may run by now or not.
    boots = wanted if goal in ("switch", "boot", None) else None
    runs = wanted if goal in ("switch", None) or (goal == "test" and running != default) else None
    waits_for_reboot = entry.get("ending") == "reboot" and running == before.get("running")
    return boots, None if waits_for_reboot else runs


def _own(facts: Mapping[str, t.Any]) -> list[Mapping[str, t.Any]]:
    entries: Iterable[Mapping[str, t.Any]] = facts.get("journal") or ()
    return [entry for entry in entries if entry.get("profile") in (None, facts.get("profile"))]
