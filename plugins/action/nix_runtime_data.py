# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give a running service its data, without a new system."""

from __future__ import annotations

import typing as t

from ..plugin_utils.ansible.action import NixAction, content_of_file
from ..plugin_utils.core.errors import RuntimeDataError
from ..plugin_utils.files.engine import parse_answer, script
from ..plugin_utils.files.file import content_of_text, the_source
from ..plugin_utils.files.runtime_data import failure, longest, message, request_of

if t.TYPE_CHECKING:
    from ..plugin_utils.files.file import File

SOURCES = ("content", "file")


class ActionModule(NixAction):
    """See the documentation of the module of the same name."""

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
            "files": [{"path": state.path, "changes": list(state.changes)} for state in answer.changed],
            "recovered": list(answer.recovered),
            "reloaded": answer.reloaded,
        }
        if self.diff_mode:
            result["diff"] = [state.to_difference(contents.get(state.file)) for state in answer.changed]
        if not completed.ok:
            raise failure(answer, completed.stderr, **result)
        return {**result, "msg": message(request, answer, self.check_mode)}

    def _content(self, file: File, options: dict[str, t.Any]) -> bytes:
        if the_source(RuntimeDataError, file.path, options, SOURCES) == "content":
            return content_of_text(RuntimeDataError, file.path, options["content"])
        return content_of_file(self, RuntimeDataError, file.path, options["file"])
