# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine that an action asks."""

from __future__ import annotations

from ansible_collections.nix.fleet.plugins.plugin_utils.core.process import Completed


class Shell:
    """A target that gives the same answer to every script."""

    host = "vps"

    def __init__(self, answer: str | Exception) -> None:
        self.answer = answer
        self.scripts: list[str] = []

    def run(self, script: str, *_arguments: str) -> Completed:
        self.scripts.append(script)
        if isinstance(self.answer, Exception):
            raise self.answer
        return Completed(("sh",), 0, self.answer, "")
