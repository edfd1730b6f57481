# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Quantities as a person reads them."""

from __future__ import annotations

_THOUSAND = 1000


def shown(name: str, value: float) -> str:
    """Return a quantity with its unit: 1.24 s, 312 kB, 40."""
    if name.endswith("seconds"):
        return f"{value:.3g} s" if value < 100 else f"{value:.0f} s"
    if "bytes" in name:
        return with_prefix(value, "B")
    return f"{value:.0f}"


def with_prefix(value: float, unit: str) -> str:
    """Return a number of a unit with the prefix that leaves one to three digits before the point."""
    for prefix in ("", "k", "M"):
        if value < _THOUSAND:
            return f"{value:.3g} {prefix}{unit}"
        value /= _THOUSAND
    return f"{value:.3g} G{unit}"
