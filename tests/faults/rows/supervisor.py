# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the supervisor relies on is taken away from it: its directory, its disk, its processes, its time."""

from __future__ import annotations

import dataclasses
import typing as t

from ..faults import (
    FULL_DISK,
    GUARD_KILLED_TOO,
    KILLED,
    KILLED_AFTER_RELOAD,
    LOCKED_OUT,
    LOST,
    NO_INODE,
    NO_ROOM,
    POWER_CUT_UNFLUSHED,
    READ_ONLY,
    STATE_MOVED,
    SUPERVISOR_STOPPED,
)
from ..moments import ACTIVATION, AT_REST, AWAITING, CONFIRMATION, LOADER_WRITTEN
from ..row import CHANGED, ROLLED_BACK, Expectation, Row, pair
from .configuration import FAILING
from .controller import GONE_BACK

if t.TYPE_CHECKING:
    from ..scene import Scene


def remembered_where_it_is_found(scene: Scene) -> None:
    """See to it that the journal, where it is now, has the deployment."""
    if not scene.remembered():
        scene.wrong.append("the journal says nothing of the deployment")


def no_word_of_the_line(scene: Scene) -> None:
    """See to it that what happened to the supervisor is not said of the connection."""
    if LOST in scene.run.output:
        scene.wrong.append("the connection is said to have been lost")


# What the next deployment removes, in a directory that can be written.
UNWRITABLE = ("/run/nix.fleet/", "/var/lib/nix.fleet/runs/")

ROWS = (
    Row(STATE_MOVED, AT_REST, CHANGED, extra=remembered_where_it_is_found, representative=True),
    Row(pair(STATE_MOVED, FAILING), AT_REST, ROLLED_BACK, extra=remembered_where_it_is_found),
    Row(NO_INODE, ACTIVATION, CHANGED, extra=remembered_where_it_is_found),
    Row(pair(NO_INODE, FAILING), ACTIVATION, ROLLED_BACK, extra=remembered_where_it_is_found),
    Row(pair(NO_INODE, LOCKED_OUT), AWAITING, ROLLED_BACK, extra=remembered_where_it_is_found),
    Row(NO_ROOM, ACTIVATION, CHANGED, extra=remembered_where_it_is_found),
    Row(pair(NO_ROOM, LOCKED_OUT), AWAITING, ROLLED_BACK, extra=remembered_where_it_is_found),
    # The journal cannot be written: the outcome is in memory.
    Row(READ_ONLY, AWAITING, CHANGED, remains=UNWRITABLE),
    Row(pair(READ_ONLY, LOCKED_OUT), AWAITING, ROLLED_BACK, remains=UNWRITABLE, representative=True),
    Row(pair(pair(FULL_DISK, GUARD_KILLED_TOO), LOCKED_OUT), AWAITING, ROLLED_BACK, representative=True),
    Row(KILLED_AFTER_RELOAD, ACTIVATION, ROLLED_BACK),
    # Nobody is there who could start it.
    Row(pair(KILLED, KILLED_AFTER_RELOAD), ACTIVATION, GONE_BACK),
    Row(pair(KILLED, KILLED_AFTER_RELOAD), AWAITING, GONE_BACK),
    Row(pair(KILLED, KILLED_AFTER_RELOAD), CONFIRMATION, GONE_BACK),
    Row(POWER_CUT_UNFLUSHED, LOADER_WRITTEN, ROLLED_BACK),
    Row(
        SUPERVISOR_STOPPED,
        ACTIVATION,
        Expectation("old", "failed", (2,), "unknown", says=("does not answer",)),
        extra=no_word_of_the_line,
    ),
    Row(
        dataclasses.replace(SUPERVISOR_STOPPED, name="supervisor stopped for longer than all waits, then confirmed"),
        AWAITING,
        Expectation("new", "failed", (2,), "unknown", says=("does not answer",)),
        extra=no_word_of_the_line,
    ),
)
