# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every test here starts from: the machine that the tests of the transport have."""

from __future__ import annotations

from ..copy import conftest as of_transport

machine = of_transport.machine
