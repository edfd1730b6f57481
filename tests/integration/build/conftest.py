# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every test gets a project of its own, with a cache of its own."""

from __future__ import annotations

from ..evaluation.conftest import project

__all__ = ["project"]
