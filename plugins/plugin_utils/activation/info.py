# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of a target or a builder: one script, and what its answer means."""

from __future__ import annotations

import dataclasses
import datetime
import shlex
import typing as t

from ..nix.store import store_path
from ..platforms.platform import by_presence, platforms
from ..target.programs import fields_and_log, number, part, program
from .answer import journal_entry

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

KIB = 1024
# What else than a deployment takes the machine's lock, by the beginning of its name: see nix_gc and nix_reboot.
KINDS = {"gc-": "collection", "reboot-": "reboot"}

# How a deployment ends that leaves what was asked for.
DONE = ("activated", "confirmed", "unchanged")


def info_script(platform: str | None, profile: str | None, journal: int) -> str:
    """Return the script that describes a machine.

    Without ``platform``, the first whose ``present`` says so is described; a machine may be none of them.
    """
    candidates = [platforms()[platform]] if platform else by_presence()
    script = [program("info"), "info_machine", shlex.join(["info_deployments", str(journal)])]
    for candidate in candidates:
        describe = ["info_describe", candidate.name, profile or "", "named" if platform else "present"]
        script += [part("platform"), candidate.functions, shlex.join(describe)]
    return "\n".join(script)


def parse_info(text: str) -> dict[str, t.Any]:
    """Return the facts of a module's result; what a machine does not say is null, false or empty."""
    fields, _log = fields_and_log(text)
    one = {key: values[-1] for key, values in fields.items()}
    generation = number(one.get("generation"))
    return {
        "nix_version": (one.get("nix_version") or "").rpartition(" ")[2] or None,
        "platform": one.get("platform") or None,
        "system": one.get("system") or None,
        "host_name": one.get("host") or None,
        "user": one.get("user") or None,
        "login_user": one.get("login_user") or None,
        "trusted": one.get("trusted") == "yes",
        "multi_user": one.get("multi_user") == "yes",
        "has_systemd": one.get("has_systemd") == "yes",
        "boot_id": one.get("boot_id") or None,
        "kernel": {"running": one.get("kernel_running") or None, "current": one.get("kernel_current") or None},
        "store_free_bytes": _bytes(one.get("store_free_kib")),
        "store_total_bytes": _bytes(one.get("store_total_kib")),
        "profile": one.get("profile") or None,
        "generation": generation,
        "default": store_path(one.get("default")),
        "current_system": store_path(one.get("current_system")),
        "specialisation": one.get("specialisation") or None,
        "booted_system": store_path(one.get("booted_system")),
        "reboot_required": one.get("reboot_required") == "yes",
        "generations": [
            entry for line in fields.get("generations", []) if (entry := _generation(line, generation)) is not None
        ],
        "journal": [entry for line in fields.get("journal", []) if (entry := journal_entry(line)) is not None],
        "interrupted": one.get("interrupted") == "yes",
        "units_failed": [unit for unit in fields.get("failed_unit", []) if unit],
        "lock": _lock(one),
    }


def _generation(line: str, current: int | None) -> dict[str, t.Any] | None:
    words = line.split(" ")
    if len(words) != 3 or (found := number(words[0])) is None:
        return None
    return {"number": found, "date": date_of(words[1]), "closure": store_path(words[2]), "current": found == current}


def date_of(seconds: str) -> str | None:
    """Return the moment so many seconds after the beginning of 1970, in UTC."""
    # A clock beyond the year 9999 is a clock that is not set.
    if (count := number(seconds)) is None or count > 253402300799:
        return None
    return f"{datetime.datetime.fromtimestamp(count, datetime.timezone.utc):%Y-%m-%dT%H:%M:%SZ}"


def _bytes(kib: str | None) -> int | None:
    count = number(kib)
    return None if count is None else count * KIB


def _lock(one: dict[str, str]) -> dict[str, t.Any] | None:
    if "lock_id" not in one:
        return None
    return {
        "id": one["lock_id"],
        "holder": one.get("lock_who") or None,
        "process": number(one.get("lock_pid")),
        "started": one.get("lock_started") or None,
        "kind": next((kind for start, kind in KINDS.items() if one["lock_id"].startswith(start)), "deployment"),
        "alive": one.get("lock_alive") == "yes",
        "awaits_seconds": number(one.get("lock_left")),
    }


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
    waits_for_reboot = entry.get("status") == "reboot" and running == before.get("running")
    return boots, None if waits_for_reboot else runs


def _own(facts: Mapping[str, t.Any]) -> list[Mapping[str, t.Any]]:
    entries: Iterable[Mapping[str, t.Any]] = facts.get("journal") or ()
    return [entry for entry in entries if entry.get("profile") in (None, facts.get("profile"))]
