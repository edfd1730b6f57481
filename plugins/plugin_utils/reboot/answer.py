# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine says of its reboot, read without trusting it."""

from __future__ import annotations

import dataclasses
import re

from ..copy.fields import fields_and_log, store_path

BOOT_ID = re.compile(r"[0-9A-Za-z-]{8,64}")


@dataclasses.dataclass(frozen=True)
class Asked:
    """What a machine answered to the request: what it is on, what it would come back on, and whether it reboots."""

    boot_id: str | None
    running: str | None
    default: str | None
    expected: str | None
    reasons: tuple[str, ...] = ()
    reboots: bool = False
    refused: str | None = None
    advice: str | None = None


@dataclasses.dataclass(frozen=True)
class Seen:
    """What a machine is on, at one moment after the request."""

    boot_id: str | None
    running: str | None
    booted: str | None
    unfinished: str | None = None
    failed: str | None = None
    units_failed: tuple[str, ...] = ()


def parse_asked(text: str) -> Asked:
    """Read the answer to the request; what is missing or nonsense is as if it were not there."""
    fields = _values(text)
    one = {key: values[-1] for key, values in fields.items()}
    return Asked(
        boot_id=_boot_id(one.get("boot_id")),
        running=store_path(one.get("running")),
        default=store_path(one.get("default")),
        expected=store_path(one.get("expected")),
        reasons=tuple(reason for reason in fields.get("reason", ()) if reason),
        reboots=one.get("outcome") == "asked",
        refused=one.get("cause", "no reason was given") if one.get("outcome") == "refused" else None,
        advice=one.get("advice") or None,
    )


def parse_seen(text: str) -> Seen:
    """Read what there was to see; what is missing or nonsense is as if it were not there."""
    fields = _values(text)
    one = {key: values[-1] for key, values in fields.items()}
    return Seen(
        boot_id=_boot_id(one.get("boot_id")),
        running=store_path(one.get("running")),
        booted=store_path(one.get("booted")),
        unfinished=one.get("unfinished") or None,
        failed=one.get("failed") or None,
        units_failed=tuple(unit for unit in fields.get("unit_failed", ()) if unit),
    )


def _values(text: str) -> dict[str, list[str]]:
    return fields_and_log(text)[0]


def _boot_id(text: str | None) -> str | None:
    return text if text is not None and BOOT_ID.fullmatch(text) else None
