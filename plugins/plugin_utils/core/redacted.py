# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking passwords out of addresses, where what a run said is to be kept or shown to others."""

from __future__ import annotations

import re
import typing as t

HIDDEN = "***"

# https://TOKEN@host and https://user:PASSWORD@host, but not ssh://git@host.
_TOKEN = re.compile(r"(?<=https://)[^/\s@:]+(?=@)|(?<=http://)[^/\s@:]+(?=@)")
_PASSWORD = re.compile(r"(://[^/\s@:]*:)[^/\s@]+(?=@)")
_PARAMETER = re.compile(r"([?&](?:[a-z]+[_-])?(?:token|password|secret|key)=)[^&\s#\"']+", re.IGNORECASE)


def redacted(value: t.Any) -> t.Any:
    """Return ``value`` with what stands for a secret in an address hidden, in whatever strings it holds.

    >>> redacted({"url": "git+https://me:hunter2@git.example/fleet?ref=main"})
    {'url': 'git+https://me:***@git.example/fleet?ref=main'}
    """
    if isinstance(value, dict):
        return {key: redacted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [redacted(item) for item in value]
    if isinstance(value, str) and "://" in value:
        value = _PASSWORD.sub(rf"\1{HIDDEN}", value)
        return _PARAMETER.sub(rf"\1{HIDDEN}", _TOKEN.sub(HIDDEN, value))
    return value
