# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How every Nix command line begins, and how settings are written on it."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Mapping

# Named on each command line, since no machine can be expected to have them enabled.
FEATURES = ("--extra-experimental-features", "nix-command flakes")


def nix(*arguments: str, executable: str = "nix") -> list[str]:
    """Return the command line of ``nix`` with ``arguments``."""
    return [executable, *FEATURES, *arguments]


def option_arguments(options: Mapping[str, t.Any]) -> list[str]:
    """Return ``--option NAME VALUE`` for each setting, the value written as in ``nix.conf``."""
    return [word for name, value in options.items() for word in ("--option", str(name), setting(value))]


def setting(value: t.Any) -> str:
    """Return ``value`` as ``nix.conf`` writes it.

    >>> setting(True), setting(["a", "b"]), setting(4), setting(None)
    ('true', 'a b', '4', '')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return " ".join(setting(element) for element in value)
    return str(value)
