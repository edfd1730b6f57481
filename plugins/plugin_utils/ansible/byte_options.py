# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that are a number of bytes, of which Ansible says neither what was given nor in what form it wants it."""

from __future__ import annotations

import typing as t

from ansible.module_utils.common.validation import check_type_bytes

if t.TYPE_CHECKING:
    from collections.abc import Mapping

FORM = "give a number of bytes, with K, M or G after it for KiB, MiB or GiB, such as 4M"


def not_bytes(specification: Mapping[str, Mapping[str, t.Any]], values: Mapping[str, t.Any]) -> dict[str, str]:
    """Return by name what is wrong with those of ``values`` that ``specification`` wants as bytes."""
    wanted = (name for name, option in specification.items() if option.get("type") == "bytes" and name in values)
    return {name: f"{name}: {values[name]!r} is not a number of bytes" for name in wanted if not _fits(values[name])}


def _fits(value: t.Any) -> bool:
    try:
        check_type_bytes(value)
    except TypeError:
        return False
    return True
