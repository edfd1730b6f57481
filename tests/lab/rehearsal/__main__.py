# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`python3 -m rehearsal`, which is what tests/lab/lab runs."""

from __future__ import annotations

import sys

from .cli import main

sys.exit(main())
