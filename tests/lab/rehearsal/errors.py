# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong in the lab, as the command line reports it."""

from __future__ import annotations


class LabError(Exception):
    """A command of the lab failed; the message says where and what to do next."""

    exit_code = 1


class CannotRun(LabError):
    """This machine cannot carry a rehearsal fleet at all."""

    exit_code = 3
