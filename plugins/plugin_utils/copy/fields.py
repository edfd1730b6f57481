# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What our scripts answer: lines of ``key=value``, read without trusting the machine that wrote them."""

from __future__ import annotations

import re
import typing as t

from ..nix.store import is_store_path


def fields_and_log(text: str) -> tuple[dict[str, list[str]], str]:
    """Return the values of each key in their order, and the log that follows them."""
    fields: dict[str, list[str]] = {}
    log = []
    for line in text.split("\n"):
        key, equals, value = line.partition("=")
        if key == "log" and equals:
            log.append(value)
        elif equals and re.fullmatch("[a-z_]+", key):
            fields.setdefault(key, []).append(value.rstrip("\r"))
    return fields, "\n".join(log)


def number(text: t.Any) -> int | None:
    """Return ``text`` as a number that a machine may sensibly have counted to, else None."""
    return int(text) if re.fullmatch("[0-9]{1,18}", str(text)) else None


def store_path(text: t.Any) -> str | None:
    """Return ``text`` when it is a store path, else None."""
    return text if isinstance(text, str) and is_store_path(text) else None
