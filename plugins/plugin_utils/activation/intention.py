# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a deployment is meant to do with what is evaluated for it: what cannot be is said before anything is evaluated."""

from __future__ import annotations

import typing as t

from ..core.errors import ActivationError, BuildError
from ..platforms.registry import platforms

if t.TYPE_CHECKING:
    from collections.abc import Container, Mapping

# That of a deployment that ends with the build, which every platform knows.
BUILD = "build"


def see_that_it_can_be(intention: Mapping[str, str | None], inventory: Container[str]) -> None:
    """Raise ``NixError`` for a builder that is not in the inventory and a goal that the platform lacks."""
    builder, goal, platform = intention["builder"], intention["goal"], intention["platform"]
    if builder is not None and builder not in inventory:
        raise BuildError(
            f"{builder}, which is to build, is not in the inventory",
            advice="name an inventory host, or say controller or target (deploy_build_on)",
        )
    if platform is not None and goal not in (None, BUILD):
        wrong = platforms()[platform].objection_to(str(goal))
        if wrong:
            raise ActivationError(
                wrong, advice="set another for these hosts, as in group_vars of their platform (deploy_goal)"
            )
