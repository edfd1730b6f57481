# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring secrets to a machine."""

from __future__ import annotations

import typing as t

from ..plugin_utils.ansible.action import NixAction, content_of_file
from ..plugin_utils.ansible.shell import QUESTION_SECONDS
from ..plugin_utils.core.errors import InventoryError, KeysError
from ..plugin_utils.files.engine import Request, parse_answer
from ..plugin_utils.files.file import content_of_command, content_of_text, the_source
from ..plugin_utils.files.keys import BEFORE_ACTIVATION, failure, keys_of, keys_script, message, to_result
from ..plugin_utils.inventory.colmena import text_in_hive

SOURCES = ("content", "file", "command", "hive")


class ActionModule(NixAction):
    """See the documentation of the module of the same name."""

    def perform(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """See ``NixAction.perform``."""
        every = keys_of(options["keys"])
        given = dict(zip(every, options["keys"], strict=True))
        keys = [key for key in every if options["upload_at"] in ("any", key.upload_at)]
        if not keys:
            return {"changed": False, "files": [], "late": [], "msg": "no keys to bring"}
        request = Request(tuple(keys))
        text = keys_script(
            request,
            {key: self._content(f"key {key.name}", given[key]) for key in keys if not key.absent},
            check=self.check_mode,
            allow_disk=options["allow_disk"],
            late_owner=options["upload_at"] == BEFORE_ACTIVATION,
        )
        completed = self.shell_for_secrets(QUESTION_SECONDS, allow_disk=options["allow_disk"]).run(text)
        answer = parse_answer(completed.stdout, request)
        result: dict[str, t.Any] = {
            "changed": bool(answer.changed or answer.recovered),
            "files": [to_result(state) for state in answer.files],
            "late": list(answer.late),
        }
        if not completed.ok:
            raise failure(answer, completed.stderr, **{**result, "changed": bool(answer.recovered or answer.stuck)})
        if self.diff_mode:
            result["diff"] = [state.to_difference(None) for state in answer.changed]
        if answer.warnings:
            result["warnings"] = [f"{self.play_host}: {text}" for text in answer.warnings]
        return {**result, "msg": message(answer)}

    def _content(self, label: str, options: dict[str, t.Any]) -> bytes:
        match the_source(KeysError, label, options, SOURCES):
            case "command":
                return content_of_command(KeysError, label, options["command"], self.environment)
            case "file":
                return content_of_file(self, KeysError, label, options["file"])
            case "hive":
                return self._content_in_hive(label, options["hive"])
        return content_of_text(KeysError, label, options["content"])

    def _content_in_hive(self, label: str, hive: dict[str, t.Any]) -> bytes:
        if bool(hive["flake"]) == bool(hive["file"]):
            raise KeysError(f"{label}: its hive is nowhere", code="one_source", advice="give it one of flake and file")
        try:
            return text_in_hive(hive).encode()
        except InventoryError as error:
            raise KeysError(
                f"{label}: its text cannot be read from the hive: {error.cause}",
                code="unreadable",
                command=error.command,
                advice="check that the controller has the flake, and Nix",
            ) from None
