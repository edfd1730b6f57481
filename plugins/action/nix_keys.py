# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring secrets to a machine."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleError

from ..plugin_utils.ansible.action import NixAction
from ..plugin_utils.ansible.bounded import QUESTION_SECONDS
from ..plugin_utils.ansible.own_files import place_of
from ..plugin_utils.core.errors import InventoryError, KeysError
from ..plugin_utils.files.content import content_of_command
from ..plugin_utils.files.key import WHEN, checked_directory, key_of, refuse_two_of_one_name
from ..plugin_utils.files.keys_answer import parse_answer
from ..plugin_utils.files.keys_program import keys_script
from ..plugin_utils.inventory.reading import text_in_hive

if t.TYPE_CHECKING:
    from ..plugin_utils.files.key import Key
    from ..plugin_utils.files.keys_answer import Answer

SOURCES = ("content", "file", "command", "hive")


class ActionModule(NixAction):
    """See the documentation of the module of the same name."""

    argument_spec: t.ClassVar[dict[str, t.Any]] = {
        "keys": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                "name": {"type": "str", "required": True},
                "content": {"type": "raw", "no_log": True},
                "file": {"type": "path"},
                "command": {"type": "list", "elements": "str"},
                "hive": {
                    "type": "dict",
                    "options": {
                        "node": {"type": "str", "required": True},
                        "key": {"type": "str", "required": True},
                        "flake": {"type": "str"},
                        "attribute": {"type": "list", "elements": "str"},
                        "override_inputs": {"type": "dict"},
                        "impure": {"type": "bool"},
                        "file": {"type": "str"},
                    },
                },
                "directory": {"type": "str"},
                "owner": {"type": "str"},
                "group": {"type": "str"},
                "mode": {"type": "raw"},
                "upload_at": {"type": "str", "default": WHEN[0], "choices": [*WHEN]},
                "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
            },
        },
        "directory": {"type": "str"},
        "upload_at": {"type": "str", "default": "any", "choices": ["any", *WHEN]},
        "exclusive": {"type": "bool", "default": False},
        "allow_disk": {"type": "bool", "default": False},
    }

    def perform(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """See ``NixAction.perform``."""
        directory = checked_directory(options["directory"])
        every = [key_of(each, directory) for each in options["keys"]]
        refuse_two_of_one_name(every)
        given = dict(zip(every, options["keys"], strict=True))
        keys = [key for key in every if options["upload_at"] in ("any", key.upload_at)]
        # Also those of the other moment stay, which are not brought now.
        exclusive = _listed(every, directory) if options["exclusive"] else {}
        if not keys and not exclusive:
            return {"changed": False, "files": [], "msg": "no keys to bring"}
        script = keys_script(
            keys,
            {key: self._content(key, given[key]) for key in keys if not key.absent},
            check=self.check_mode,
            allow_disk=options["allow_disk"],
            exclusive=exclusive,
        )
        completed = self.shell_for_secrets(QUESTION_SECONDS, allow_disk=options["allow_disk"]).run(script)
        answer = parse_answer(completed.stdout, keys)
        result: dict[str, t.Any] = {"changed": answer.changed, "files": [file.to_result() for file in answer.files]}
        if not completed.ok:
            raise KeysError(
                answer.cause or "the machine did not come to the end, and gave no reason",
                log=completed.stderr,
                advice=answer.advice or "see what it printed",
                **result,
            )
        if self.diff_mode:
            result["diff"] = [file.to_difference() for file in answer.files if file.changes]
        if answer.warnings:
            result["warnings"] = [f"{self.play_host}: {text}" for text in answer.warnings]
        return {**result, "msg": sentence(answer)}

    def _content(self, key: Key, options: dict[str, t.Any]) -> bytes:
        sources = [source for source in SOURCES if options[source] is not None]
        if len(sources) != 1:
            raise KeysError(
                f"key {key.name}: {' and '.join(sources) or 'nothing'} says what it holds",
                advice=f"give it one of {', '.join(SOURCES)}",
            )
        if sources == ["command"]:
            return content_of_command(key.name, options["command"], self.environment)
        if sources == ["file"]:
            return self._content_of_file(key.name, options["file"])
        if sources == ["hive"]:
            return self._content_in_hive(key.name, options["hive"])
        if not isinstance(options["content"], (str, int, float)) or isinstance(options["content"], bool):
            # As a text it would be Python's, which nothing on the machine reads.
            raise KeysError(f"key {key.name}: its content is no text", advice="make it one: | to_json, or | to_yaml")
        return str(options["content"]).encode(errors="surrogateescape")

    def _content_of_file(self, name: str, file: str) -> bytes:
        try:
            # In memory: `get_real_file` would write what it decrypts to a disk.
            return bytes(self._loader._get_file_contents(place_of(self, file))[0])
        except (AnsibleError, OSError) as error:
            raise KeysError(
                f"key {name}: {file} cannot be read on the controller: {error}",
                advice="name it from the root, or from where Ansible is started; for a vault give --vault-id",
            ) from error

    def _content_in_hive(self, name: str, hive: dict[str, t.Any]) -> bytes:
        if bool(hive["flake"]) == bool(hive["file"]):
            raise KeysError(f"key {name}: its hive is nowhere", advice="give it one of flake and file")
        try:
            return text_in_hive(hive).encode()
        except InventoryError as error:
            raise KeysError(
                f"key {name}: its text cannot be read from the hive: {error.cause}",
                command=error.command,
                advice="see that the controller has the flake, and Nix",
            ) from None


def _listed(keys: list[Key], directory: str | None) -> dict[str | None, list[str]]:
    # Absent ones too: they are removed by themselves, and counted once.
    listed: dict[str | None, list[str]] = {} if keys else {directory: []}
    for key in keys:
        listed.setdefault(key.directory, []).append(key.name)
    return listed


def sentence(answer: Answer) -> str:
    """Return what became of the keys, for a person."""
    changed = [file.name for file in answer.files if file.changes]
    if not changed:
        return f"{len(answer.files)} keys are as they should be"
    return f"{len(changed)} of {len(answer.files)} keys changed: {', '.join(changed)}"
