# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The target loses its power, or has no room left on its disk."""

from __future__ import annotations

import dataclasses

from ..faults import FULL_DISK, POWER_CYCLED, POWER_CYCLED_BEFORE_LOGIN, SOFT_REBOOTED
from ..moments import ACTIVATION, AWAITING, BEFORE_ACTIVATION, BEFORE_COPY, BUILD, CONFIRMATION, COPY, QUESTION
from ..row import CHANGED, REFUSED, ROLLED_BACK, Expectation, Row

ROWS = (
    Row(POWER_CYCLED_BEFORE_LOGIN, BUILD, CHANGED),
    Row(POWER_CYCLED_BEFORE_LOGIN, QUESTION, CHANGED),
    Row(POWER_CYCLED, COPY, CHANGED),
    Row(POWER_CYCLED_BEFORE_LOGIN, BEFORE_ACTIVATION, CHANGED),
    Row(POWER_CYCLED, ACTIVATION, ROLLED_BACK, representative=True),
    Row(POWER_CYCLED, AWAITING, ROLLED_BACK),
    Row(SOFT_REBOOTED, AWAITING, ROLLED_BACK),
    Row(POWER_CYCLED, CONFIRMATION, ROLLED_BACK),
    Row(FULL_DISK, BEFORE_COPY, Expectation("old", "failed", (2,), says=("the disk is full",)), representative=True),
    Row(FULL_DISK, BEFORE_ACTIVATION, REFUSED),
    Row(FULL_DISK, ACTIVATION, ROLLED_BACK),
    # What comes next is the profile's new generation.
    Row(FULL_DISK, AWAITING, dataclasses.replace(ROLLED_BACK, says=("could not be made to boot",))),
    # The profile has been set, and the boot loader has a file system of its own.
    Row(FULL_DISK, CONFIRMATION, CHANGED),
)
