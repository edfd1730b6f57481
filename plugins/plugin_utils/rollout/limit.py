# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many hosts may fail before a rollout stops."""

from __future__ import annotations

import re

from ..errors import RolloutError


def most_failures(text: str, hosts: int) -> int:
    """Return the number that ``text`` means, which is one or a percentage of ``hosts``.

    Raises ``RolloutError`` for what is neither.
    """
    if not re.fullmatch("[0-9]{1,9}%?", text):
        raise RolloutError(
            f"max_failed is neither a number of hosts nor a percentage: {text!r}",
            advice="write for example 2 or 10% (deploy_max_failed)",
        )
    return hosts * int(text[:-1]) // 100 if text.endswith("%") else int(text)
