# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller goes away, or somebody presses ctrl-C there."""

from __future__ import annotations

from ..faults import INTERRUPTED, KILLED, MAIN_KILLED
from ..moments import ACTIVATION, AWAITING, BEFORE_ACTIVATION, BUILD, CONFIRMATION, COPY, EVALUATION
from ..row import Expectation, Row

GONE = Expectation("old", "nothing", (-9,))
GONE_BACK = Expectation("old", "nothing", (-9,), "rolled_back")
GONE_CONFIRMED = Expectation("new", "nothing", (-9,), "confirmed")
STOPPED = Expectation("old", "nothing", (99, 130))
STOPPED_BACK = Expectation("old", "nothing", (99, 130), "rolled_back")
STOPPED_CONFIRMED = Expectation("new", "nothing", (99, 130), "confirmed")

ROWS = (
    Row(KILLED, EVALUATION, GONE),
    Row(KILLED, BUILD, GONE),
    Row(KILLED, COPY, GONE),
    Row(KILLED, COPY, GONE, builder="homelab"),
    Row(KILLED, BEFORE_ACTIVATION, GONE),
    Row(KILLED, ACTIVATION, GONE_BACK, representative=True),
    Row(KILLED, AWAITING, GONE_BACK),
    Row(KILLED, CONFIRMATION, GONE_CONFIRMED),
    Row(MAIN_KILLED, ACTIVATION, GONE_BACK),
    Row(INTERRUPTED, EVALUATION, STOPPED),
    Row(INTERRUPTED, BUILD, STOPPED),
    Row(INTERRUPTED, COPY, STOPPED, representative=True),
    Row(INTERRUPTED, COPY, STOPPED, builder="homelab"),
    Row(INTERRUPTED, BEFORE_ACTIVATION, STOPPED),
    Row(INTERRUPTED, ACTIVATION, STOPPED_BACK),
    Row(INTERRUPTED, AWAITING, STOPPED_BACK),
    Row(INTERRUPTED, CONFIRMATION, STOPPED_CONFIRMED),
)
