# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a file of the user's is that a task names."""

from __future__ import annotations

import pathlib
import typing as t

from ansible.errors import AnsibleError

if t.TYPE_CHECKING:
    from ansible.plugins.action import ActionBase


def place_of(action: ActionBase, file: str) -> str:
    """Return the path of ``file`` on the controller, looked for as Ansible's own modules do; raises ``AnsibleError``."""
    try:
        return str(action._find_needle("files", file))
    except AnsibleError:
        # A playbook of a collection is not where its user's files are.
        here = pathlib.Path.cwd() / file
        if here.is_file():
            return str(here)
        raise
