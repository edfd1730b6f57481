# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turning Ansible's values into plain ones, where the program begins."""

from __future__ import annotations

import typing as t


def plain(value: t.Any) -> t.Any:
    """Return ``value`` without the subclasses that ansible-core 2.19 and later tag strings and containers with.

    Tagged strings pass for ``str`` in most places but not for ``type(x) is str``, YAML dumpers or dictionary keys
    written to disk; nothing below the border to Ansible should have to know.
    """
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, str):
        return "".join(value)
    return value
