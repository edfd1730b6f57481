# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which attribute of the flake is built, and attribute paths that no reader of them can take for something else."""

from __future__ import annotations

import re
import typing as t

from ..core.errors import EvaluationError
from ..nix import language
from ..platforms.registry import platforms
from .fields import Check, quoted

if t.TYPE_CHECKING:
    from collections.abc import Sequence

# What ends a quoted name, or would mean something else where the path is read as an expression.
_UNSPEAKABLE = re.compile(r'["\\\x00-\x1f\x7f]|\$\{')

_ANYWHERE = Check("attribute path")

# The standard outputs of a flake, and the platform that each is for.
CONFIGURATIONS = {platform.output: platform.name for platform in platforms().values() if platform.output}


def attribute_path(steps: Sequence[str], check: Check = _ANYWHERE) -> str:
    """Return ``steps`` as an attribute path; raises ``InventoryError`` for a name that cannot be in one."""
    for step in steps:
        if not step or _UNSPEAKABLE.search(step):
            raise check.failure(
                f"{quoted(step)} cannot be named in an attribute path; choose a name without double quotes, backslashes, "
                "${ and control characters"
            )
    return language.attribute_path(steps)


def steps_of(path: str) -> tuple[str, ...]:
    """Return the steps of an attribute path as a user writes it behind ``#``."""
    try:
        steps = language.attribute_steps(path)
    except EvaluationError as error:
        raise _ANYWHERE.failure(f"{error.cause}; {error.advice}") from None
    if not steps:
        raise _ANYWHERE.failure("it is empty; name an output")
    attribute_path(steps)
    return steps


def built_attribute(platform: str, configuration: str, check: Check) -> str:
    """Return what is built for a ``configuration`` among the flake's standard outputs."""
    there = platforms()[platform]
    if there.output is None:
        raise check.failure(f"platform {platform} has no standard output of a flake; name the attribute that is built")
    return attribute_path((there.output, configuration, *there.built), check)
