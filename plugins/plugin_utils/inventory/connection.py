# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Ansible logs in to a host, and whom it becomes there.

These values reach command lines that others make of them: ssh takes a leading dash for an option and hands the address
to the shell that runs a ProxyCommand; sudo's line is put together for the target's shell.
"""

from __future__ import annotations

import re
import typing as t

from .fields import Check, quoted, shown

if t.TYPE_CHECKING:
    from .node import Node

_ADDRESS = re.compile(r"[\w\[:][\w.:%@+\[\]-]*")
_LOGIN = re.compile(r"\w[\w.@+\\-]*\$?")
_USER = re.compile(r"\w[\w.@+-]*\$?")


def connection_variables(node: Node) -> dict[str, t.Any]:
    """Return the variables of the connection to ``node``; raises ``InventoryError`` for one that could be more than that."""
    check = Check(f"node {shown(node.name)}")
    variables: dict[str, t.Any] = {
        "ansible_host": _spelt(check, "address", node.address, _ADDRESS, ". _ - : % @ + [ ]")
    }
    if node.port is not None:
        variables["ansible_port"] = node.port
    if node.user is not None:
        variables["ansible_user"] = _spelt(check, "user", node.user, _LOGIN, r". _ - @ + \ $")
    if node.become_user is not None:
        variables["ansible_become"] = True
    if node.become_user not in (None, "root"):
        variables["ansible_become_user"] = _spelt(check, "user", str(node.become_user), _USER, ". _ - @ + $")
    return variables


def _spelt(check: Check, what: str, value: str, form: re.Pattern[str], signs: str) -> str:
    if form.fullmatch(value):
        return value
    raise check.failure(
        f"{quoted(value[:200])} cannot be its {what}; it may have letters, digits and {signs}, and begins with no sign"
    )
