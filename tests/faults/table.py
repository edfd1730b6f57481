# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All rows."""

from __future__ import annotations

from .rows import configuration, controller, link, machine, nixos, pairs, platforms, state, supervisor

ROWS = (
    *link.ROWS,
    *controller.ROWS,
    *machine.ROWS,
    *configuration.ROWS,
    *state.ROWS,
    *supervisor.ROWS,
    *nixos.ROWS,
    *pairs.ROWS,
    *platforms.ROWS,
)
