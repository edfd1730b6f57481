# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a field of an inventory may hold: the Python twin of ``inventory/lib/check.nix``.

Each check gives the value back or stops, naming where it stands. In every field that nix.fleet knows, null means
"not given".
"""

from __future__ import annotations

import dataclasses
import json
import typing as t

from ..core.errors import InventoryError
from ..platforms.registry import platforms


def quoted(value: t.Any) -> str:
    """Return ``value`` as JSON: the form in which error messages show what was found."""
    return json.dumps(value, ensure_ascii=False)


def shown(name: str) -> str:
    """Return ``name`` as it stands where that cannot mislead a reader, else quoted."""
    return name if name.isprintable() and name == name.strip() and name else quoted(name)


def kind(value: t.Any) -> str:
    """Return what ``value`` is, in Nix's words."""
    if value is None:
        return "null"
    kinds: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (bool, "a boolean"),
        ((int, float), "a number"),
        (str, "a string"),
        (list, "a list"),
        (dict, "a set"),
    )
    return next((word for types, word in kinds if isinstance(value, types)), "a value")


@dataclasses.dataclass(frozen=True)
class Check:
    """The checks for one place of an inventory, such as ``node vps-1``."""

    where: str

    def failure(self, problem: str) -> InventoryError:
        """Return the error that ``problem`` at this place is."""
        return InventoryError(f"{self.where}: {problem}")

    def whole(self, value: t.Any) -> dict[str, t.Any]:
        """Check the thing itself, not one of its fields."""
        if isinstance(value, dict):
            return value
        raise self.failure(f"must be a set, not {kind(value)}")

    def set(self, field: str, value: t.Any) -> dict[str, t.Any]:
        """Check a field that holds a set."""
        if value is None:
            return {}
        if isinstance(value, dict):
            return value
        raise self.failure(f"{field} must be a set, not {kind(value)}")

    def text(self, field: str, value: t.Any) -> str | None:
        """Check a field that holds a string."""
        if value is None:
            return None
        if not isinstance(value, str):
            raise self.failure(f"{field} must be a string, not {kind(value)}")
        if not value:
            raise self.failure(f"{field} must not be empty")
        return value

    def texts(self, field: str, value: t.Any) -> list[str]:
        """Check a field that holds a list of strings."""
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.failure(f"{field} must be a list of strings, not {kind(value)}")
        if not all(isinstance(item, str) for item in value):
            raise self.failure(f"{field} must be a list of strings, and not all of its members are")
        return value

    def flag(self, field: str, value: t.Any) -> bool | None:
        """Check a field that holds a boolean."""
        if value is None or isinstance(value, bool):
            return value
        raise self.failure(f"{field} must be a boolean, not {kind(value)}")

    def port(self, field: str, value: t.Any) -> int | None:
        """Check a field that holds a TCP port."""
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 65535:
            return value
        raise self.failure(f"{field} must be an integer from 1 to 65535, not {quoted(value)}")

    def platform(self, value: t.Any) -> str | None:
        """Check a platform's name, and return the one that nix.fleet goes by."""
        given = self.text("platform", value)
        if given is None:
            return None
        known = platforms()
        if given in known:
            return known[given].name
        names = sorted({platform.name for platform in known.values()})
        raise self.failure(f"unknown platform {quoted(given)}, the known ones are: {' '.join(names)}")
