# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two faults at once, each two of: lock-out, full disk, killed supervisor, power cut, moved state directory, unwritable boot loader."""

from __future__ import annotations

import dataclasses

from ..faults import (
    FULL_DISK,
    FULL_ESP,
    GUARD_KILLED_TOO,
    LOCKED_OUT,
    POWER_CUT_UNFLUSHED,
    POWER_CYCLED,
    READ_ONLY_ESP,
    STATE_MOVED,
    until_booted,
)
from ..moments import ACTIVATION, AWAITING, CONFIRMATION, LOADER_WRITTEN
from ..row import ROLLED_BACK, Expectation, Row, pair

# After a loss of power the old system is there, and nothing but a controller says so in a journal.
LOCKED_OUT_UNTIL_BOOTED = dataclasses.replace(LOCKED_OUT, meanwhile=until_booted)
NOT_BACK = Expectation("old", "failed", (2,), "rollback_failed", says=("boot loader could not be written",))

ROWS = (
    Row(pair(FULL_DISK, LOCKED_OUT), AWAITING, ROLLED_BACK),
    Row(pair(GUARD_KILLED_TOO, LOCKED_OUT), AWAITING, ROLLED_BACK),
    Row(pair(POWER_CYCLED, LOCKED_OUT_UNTIL_BOOTED), AWAITING, ROLLED_BACK),
    Row(pair(STATE_MOVED, LOCKED_OUT), AWAITING, ROLLED_BACK),
    Row(pair(FULL_ESP, LOCKED_OUT), AWAITING, ROLLED_BACK),
    Row(pair(FULL_DISK, GUARD_KILLED_TOO), ACTIVATION, ROLLED_BACK),
    Row(pair(FULL_DISK, GUARD_KILLED_TOO), CONFIRMATION, ROLLED_BACK),
    Row(pair(FULL_DISK, POWER_CYCLED), ACTIVATION, ROLLED_BACK),
    Row(pair(FULL_DISK, POWER_CUT_UNFLUSHED), LOADER_WRITTEN, ROLLED_BACK),
    Row(pair(FULL_DISK, STATE_MOVED), AWAITING, ROLLED_BACK),
    Row(pair(FULL_DISK, FULL_ESP), AWAITING, ROLLED_BACK),
    Row(pair(FULL_DISK, FULL_ESP), CONFIRMATION, ROLLED_BACK),
    Row(pair(GUARD_KILLED_TOO, POWER_CYCLED), ACTIVATION, ROLLED_BACK),
    Row(pair(GUARD_KILLED_TOO, STATE_MOVED), AWAITING, ROLLED_BACK),
    Row(pair(GUARD_KILLED_TOO, STATE_MOVED), CONFIRMATION, ROLLED_BACK),
    Row(pair(GUARD_KILLED_TOO, FULL_ESP), CONFIRMATION, ROLLED_BACK),
    # What the failed generation has on the ESP goes first, which makes the room.
    Row(pair(FULL_ESP, GUARD_KILLED_TOO), LOADER_WRITTEN, ROLLED_BACK),
    # The boot loader names the new system already: the old one runs, and is what boots as soon as the ESP can be written.
    Row(pair(READ_ONLY_ESP, GUARD_KILLED_TOO), LOADER_WRITTEN, NOT_BACK, representative=True),
    Row(pair(POWER_CYCLED, STATE_MOVED), AWAITING, ROLLED_BACK),
    Row(pair(FULL_ESP, POWER_CYCLED), CONFIRMATION, ROLLED_BACK),
    Row(pair(FULL_ESP, POWER_CUT_UNFLUSHED), LOADER_WRITTEN, ROLLED_BACK),
    Row(pair(READ_ONLY_ESP, POWER_CUT_UNFLUSHED), LOADER_WRITTEN, NOT_BACK),
    Row(pair(STATE_MOVED, FULL_ESP), AWAITING, ROLLED_BACK),
)
