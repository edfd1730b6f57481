# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task in a loop did, told as if it had done it at once: of the whole, Ansible only says that an item failed."""

from __future__ import annotations

import typing as t

from .records import sentence

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# What of the first item that failed is that of the task.
_REASONS = ("stage", "command", "log", "stdout", "stderr", "advice")


def of_all_items(result: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return ``result``, with what its items say where it is that of a loop.

    A loop is known by ``ansible_loop_var`` in each of its ``results``, which ansible-core puts there. The whole has lists
    joined and what is true of any item; of several failures the first one has its reasons told.
    """
    items = result.get("results")
    if not isinstance(items, list) or not items or not all(_is_item(item) for item in items):
        return dict(result)
    if bad := [item for item in items if item.get("failed") or item.get("unreachable")]:
        reasons = {name: bad[0][name] for name in _REASONS if bad[0].get(name)}
        return {**_joined(items), **result, **reasons, "cause": _told(bad)}
    told = [item for item in items if item.get("msg") and not item.get("skipped")]
    return {**_joined(items), **result, **({"msg": _told(told)} if told else {})}


def _is_item(item: t.Any) -> bool:
    return isinstance(item, dict) and "ansible_loop_var" in item


def _told(items: Sequence[Mapping[str, t.Any]]) -> str:
    """Return what the items say, each behind what it is called: all of one, and of several the first lines."""
    texts = [_labelled(item) for item in items]
    return texts[0] if len(texts) == 1 else "; ".join(text.partition("\n")[0] for text in texts)


def _labelled(item: Mapping[str, t.Any]) -> str:
    # What is looped over may be whole structures, which say less.
    label = item.get("_ansible_item_label", item.get(item["ansible_loop_var"]))
    text = sentence(str(item.get("cause") or item.get("msg") or "it gave no reason"))
    return f"{label}: {text}" if isinstance(label, (str, int)) else text


def _joined(items: Sequence[Mapping[str, t.Any]]) -> dict[str, t.Any]:
    joined: dict[str, t.Any] = {}
    for name in dict.fromkeys(name for item in items for name in item):
        values = [item[name] for item in items if name in item]
        if all(isinstance(value, list) for value in values):
            joined[name] = [each for value in values for each in value]
        elif all(isinstance(value, bool) for value in values):
            joined[name] = any(values)
    return joined
