# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The line between controller and target is cut, reset or slow, or the target stands still."""

from __future__ import annotations

import dataclasses

from ..faults import (
    CUT,
    CUT_FOR_A_WHILE,
    CUT_UNTIL_BACK,
    DELAYED,
    FROZEN,
    FROZEN_FOR_A_WHILE,
    FROZEN_PAST_ITS_TIME,
    LATE,
    NEW_REFUSED_FOR_A_WHILE,
    RESET,
    RESET_FOR_A_WHILE,
    until_said,
)
from ..moments import ACTIVATION, AWAITING, BEFORE_ACTIVATION, CONFIRMATION, COPY, QUESTION
from ..row import CHANGED, ROLLED_BACK, UNREACHABLE, Row

# What a copy says of it.
AGAIN = until_said("trying again")

# What a confirmation says of it, which may have arrived or not.
ANEW = until_said("cannot be reached anew")

ROWS = (
    Row(CUT, QUESTION, UNREACHABLE),
    Row(RESET, QUESTION, UNREACHABLE),
    Row(FROZEN, QUESTION, UNREACHABLE),
    Row(DELAYED, QUESTION, CHANGED),
    Row(CUT, COPY, UNREACHABLE),
    Row(dataclasses.replace(CUT_FOR_A_WHILE, meanwhile=AGAIN), COPY, CHANGED, representative=True),
    Row(dataclasses.replace(RESET_FOR_A_WHILE, meanwhile=AGAIN), COPY, CHANGED),
    Row(dataclasses.replace(FROZEN_FOR_A_WHILE, meanwhile=AGAIN), COPY, CHANGED),
    Row(DELAYED, COPY, CHANGED),
    Row(CUT, BEFORE_ACTIVATION, UNREACHABLE),
    Row(RESET, BEFORE_ACTIVATION, UNREACHABLE),
    Row(FROZEN, BEFORE_ACTIVATION, UNREACHABLE),
    Row(DELAYED, BEFORE_ACTIVATION, CHANGED),
    Row(CUT_FOR_A_WHILE, ACTIVATION, CHANGED, representative=True),
    Row(RESET_FOR_A_WHILE, ACTIVATION, CHANGED),
    Row(FROZEN_FOR_A_WHILE, ACTIVATION, CHANGED),
    Row(CUT_UNTIL_BACK, ACTIVATION, ROLLED_BACK),
    Row(DELAYED, ACTIVATION, CHANGED),
    Row(CUT_UNTIL_BACK, AWAITING, ROLLED_BACK, representative=True),
    Row(NEW_REFUSED_FOR_A_WHILE, AWAITING, CHANGED),
    Row(LATE, AWAITING, ROLLED_BACK),
    Row(FROZEN_PAST_ITS_TIME, AWAITING, CHANGED),
    Row(DELAYED, AWAITING, CHANGED),
    Row(dataclasses.replace(CUT_FOR_A_WHILE, meanwhile=ANEW), CONFIRMATION, CHANGED, representative=True),
    Row(dataclasses.replace(RESET_FOR_A_WHILE, meanwhile=ANEW), CONFIRMATION, CHANGED),
    Row(dataclasses.replace(FROZEN_FOR_A_WHILE, meanwhile=ANEW), CONFIRMATION, CHANGED),
    Row(DELAYED, CONFIRMATION, CHANGED),
)
