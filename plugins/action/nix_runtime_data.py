# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give a running service its data, without a new system."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleError

from ..plugin_utils.ansible.action import NixAction
from ..plugin_utils.ansible.own_files import place_of
from ..plugin_utils.core.errors import RuntimeDataError
from ..plugin_utils.core.quantities import counted
from ..plugin_utils.files.data_answer import parse_answer
from ..plugin_utils.files.data_program import script
from ..plugin_utils.files.data_request import longest, request_of

if t.TYPE_CHECKING:
    from ..plugin_utils.files.data_answer import Answer
    from ..plugin_utils.files.data_request import Request, RuntimeFile

SOURCES = ("content", "file")


class ActionModule(NixAction):
    """See the documentation of the module of the same name."""

    argument_spec: t.ClassVar[dict[str, t.Any]] = {
        "files": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {
                "path": {"type": "str", "required": True},
                "content": {"type": "raw"},
                "file": {"type": "path"},
                "owner": {"type": "str"},
                "group": {"type": "str"},
                "mode": {"type": "raw"},
                "secret": {"type": "bool", "default": False},
                "validate": {"type": "raw"},
                "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
            },
        },
        "test": {"type": "raw"},
        "reload": {"type": "raw"},
        "health": {"type": "raw"},
        "health_within": {"type": "int", "default": 10},
        "timeout": {"type": "int", "default": 60},
    }

    def perform(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """See ``NixAction.perform``."""
        request = request_of(options)
        contents = {
            file: self._content(file, given)
            for file, given in zip(request.files, options["files"], strict=True)
            if not file.absent
        }
        text = script(request, contents, check=self.check_mode, diff=self.diff_mode)
        secret = any(file.secret for file in request.files)
        completed = self.shell_for_secrets(longest(request), allow_disk=not secret).run(text)
        answer = parse_answer(completed.stdout, request)
        result: dict[str, t.Any] = {
            "changed": bool(answer.changed or answer.recovered),
            "files": [each.to_result() for each in answer.changed],
            "recovered": list(answer.recovered),
            "reloaded": answer.reloaded,
        }
        if self.diff_mode:
            result["diff"] = [each.to_difference(contents.get(each.file)) for each in answer.changed]
        if not completed.ok:
            result["changed"] = bool(answer.recovered or answer.stuck)
            raise RuntimeDataError(
                _cause(answer),
                log=answer.log or completed.stderr,
                advice=answer.advice or _advice(answer),
                **result,
                restored=answer.restored,
            )
        return {**result, "msg": sentence(request, answer, self.check_mode)}

    def _content(self, file: RuntimeFile, options: dict[str, t.Any]) -> bytes:
        given = [source for source in SOURCES if options[source] is not None]
        if len(given) != 1:
            raise RuntimeDataError(
                f"{file.path}: {' and '.join(given) or 'nothing'} says what it holds",
                advice=f"give it one of {', '.join(SOURCES)}",
            )
        if given == ["file"]:
            try:
                # In memory: what a vault holds comes to no disk.
                return bytes(self._loader._get_file_contents(place_of(self, options["file"]))[0])
            except (AnsibleError, OSError) as error:
                raise RuntimeDataError(
                    f"{file.path}: {options['file']} cannot be read on the controller: {error}",
                    advice="name it from the root, or from where Ansible is started",
                ) from error
        content = options["content"]
        if not isinstance(content, (str, int, float)) or isinstance(content, bool):
            # As a text it would be Python's, which no service reads.
            raise RuntimeDataError(
                f"{file.path}: its content is no text", advice="make it one: | to_json, or | to_yaml"
            )
        return str(content).encode(errors="surrogateescape")


def _cause(answer: Answer) -> str:
    cause = answer.cause or "the machine did not come to the end, and gave no reason"
    if answer.stuck:
        return f"{cause}; and {', '.join(answer.stuck)} could not be returned to what it was"
    if not answer.restored:
        return cause
    well = {
        None: "",
        True: ", with which the service is well",
        False: ", and the service is not well with those either",
    }
    return f"{cause}; the old files are in place again{well[answer.well]}"


def _advice(answer: Answer) -> str:
    if answer.stuck:
        return "see the files beside it whose names end in .nix.fleet-old"
    if answer.restored and answer.well is False:
        return "see to the service: what ails it is not the new data alone"
    return "correct the data, and run again" if answer.restored else "see what it printed"


def sentence(request: Request, answer: Answer, check: bool) -> str:
    """Return what became of the data, for a person."""
    count = len(request.files)
    files = counted(count, "file")
    if not answer.changed and not answer.recovered:
        return f"{files} as they should be" if count != 1 else "1 file as it should be"
    names = ", ".join(each.file.path for each in answer.changed) or "none"
    would = "would change" if check else "changed"
    interrupted = "; what an earlier run had left was undone first" if answer.recovered else ""
    return f"{len(answer.changed)} of {files} {would}: {names}{interrupted}"
