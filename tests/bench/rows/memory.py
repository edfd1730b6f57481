# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The memory of an evaluation and of a first deployment: the controller's, by the number of hosts, and one host's."""

from __future__ import annotations

import dataclasses

from .evaluation import ROWS as EVALUATIONS
from .first_deployment import ROWS as DEPLOYMENTS

(EVALUATION,) = EVALUATIONS
(DEPLOYMENT,) = DEPLOYMENTS
# Rows of their own, since looking at memory takes time that the others are about: the more the more processes there are.
ROWS = (
    dataclasses.replace(
        EVALUATION,
        name="evaluation-memory",
        what="the memory of the controller's processes in an evaluation",
        quantity="memory_bytes",
        memory=True,
        bars=(),
    ),
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
