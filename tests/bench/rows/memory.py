# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The memory of a first deployment: the controller's, by the number of hosts, and one host's."""

from __future__ import annotations

import dataclasses

from .first_deployment import ROWS as DEPLOYMENTS

(DEPLOYMENT,) = DEPLOYMENTS
# A row of its own, since looking at memory takes time that the other one is about.
ROWS = (
    dataclasses.replace(
        DEPLOYMENT,
        name="deployment-memory",
        what="the memory of the controller's processes in a first deployment",
        quantity="memory_bytes",
        memory=True,
        watched="plain-1",
        bars=(),
    ),
)
