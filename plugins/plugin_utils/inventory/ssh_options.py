# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arguments of ssh as other tools keep them, put into Ansible's words."""

from __future__ import annotations

import shlex
import typing as t


def ssh_variables(arguments: list[str]) -> dict[str, t.Any]:
    """Return the variables that make Ansible's ssh use ``arguments``.

    The port is told by its own variable, so that everything that connects can know it; all else is handed on as it is.
    """
    variables: dict[str, t.Any] = {}
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        port = next(words, "") if word == "-p" else word[2:] if word.startswith("-p") else None
        if port is not None and port.isdecimal():
            # ssh, too, keeps the first.
            variables.setdefault("ansible_port", int(port))
        else:
            rest += [word] if port is None or word != "-p" else [word, port]
    if rest:
        variables["ansible_ssh_common_args"] = shlex.join(rest)
    return variables
