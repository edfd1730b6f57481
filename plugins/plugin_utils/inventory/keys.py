# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The secrets that a node names: where each comes from, and never what it holds."""

from __future__ import annotations

import typing as t

from .fields import Check, shown

if t.TYPE_CHECKING:
    from collections.abc import Mapping

TEXTS = ("file", "directory", "owner", "group", "mode", "upload_at")
FIELDS = ("name", *TEXTS, "command", "hive")


def named_keys(check: Check, value: t.Any) -> tuple[Mapping[str, t.Any], ...]:
    """Return the keys of a node's field `keys`, as the module nix_keys takes them."""
    return tuple(
        _key(Check(f"{check.where}, key {shown(name)}"), name, given)
        for name, given in check.set("keys", value).items()
    )


def _key(check: Check, name: str, value: t.Any) -> dict[str, t.Any]:
    given = check.whole(value)
    if "content" in given:
        raise check.failure(
            "content is a secret, and an inventory is read by many: name a file or a command, or keep it in a vault of"
            " group_vars (deploy_keys)"
        )
    unknown = sorted(given.keys() - {*FIELDS})
    if unknown:
        raise check.failure(f"unknown field {unknown[0]}, the known ones are: {' '.join(sorted(FIELDS))}")
    command = check.texts("command", given.get("command"))
    # A text that is left in a colmena hive: where it is, as nix_keys takes it.
    hive = check.set("hive", given.get("hive"))
    fields = {field: check.text(field, given.get(field)) for field in TEXTS}
    if sum(map(bool, (command, fields["file"], hive))) != 1:
        raise check.failure("needs a file or a command, and not both")
    return {
        "name": check.text("name", given.get("name")) or name,
        **{field: text for field, text in fields.items() if text is not None},
        **({"command": command} if command else {}),
        **({"hive": hive} if hive else {}),
    }
