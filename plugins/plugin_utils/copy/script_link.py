# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What carries scripts to a machine that may be out of reach in between."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from ..core.process import Completed


class ConnectionLostError(Exception):
    """The machine did not answer, or its answer broke off."""


class ScriptLink(t.Protocol):
    """A connection to a machine that can be made anew."""

    def run(self, script: str) -> Completed:
        """Run ``script``; raises ``ConnectionLostError`` when a connection that stood did not bring its whole answer."""

    def renew(self) -> None:
        """Give the connection up, so that the next script makes a new one."""
