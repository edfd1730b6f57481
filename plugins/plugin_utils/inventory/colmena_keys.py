# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of a colmena node, as the module nix_keys takes them."""

from __future__ import annotations

import typing as t

from .fields import Check, shown

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from .source import Origin

# What is called otherwise here.
NAMES = {"destDir": "directory", "user": "owner", "group": "group", "permissions": "mode", "uploadAt": "upload_at"}


def keys_of(check: Check, node: str, value: t.Any, origin: Origin) -> tuple[Mapping[str, t.Any], ...]:
    """Return the keys of ``deployment.keys``; a text stays where it is, and is only asked for when it is needed."""
    return tuple(
        _key(Check(f"{check.where}, deployment.keys.{shown(name)}"), node, name, given, origin)
        for name, given in check.set("deployment.keys", value).items()
    )


def _key(check: Check, node: str, attribute: str, value: t.Any, origin: Origin) -> dict[str, t.Any]:
    given = check.whole(value)
    texts = {ours: check.text(theirs, given.get(theirs)) for theirs, ours in NAMES.items()}
    sources = {
        "file": check.text("keyFile", given.get("keyFile")),
        "command": check.texts("keyCommand", given.get("keyCommand")),
        "hive": {**origin.reading, "node": node, "key": attribute} if given.get("text") else None,
    }
    named = {source: said for source, said in sources.items() if said}
    if len(named) != 1:
        raise check.failure("needs one of text, keyFile and keyCommand")
    return {
        "name": check.text("name", given.get("name")) or attribute,
        **{field: text for field, text in texts.items() if text is not None},
        **named,
    }
