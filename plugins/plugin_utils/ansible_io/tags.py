# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tags that a run was asked for with ``--tags``, and those that there are."""

from __future__ import annotations

import contextlib
import typing as t
from pathlib import Path

from ansible import context
from ansible.parsing.dataloader import DataLoader

if t.TYPE_CHECKING:
    from collections.abc import Iterable

# They ask for tasks by something else than a tag that is theirs.
SPECIAL = frozenset({"all", "always", "never", "tagged", "untagged"})


def asked_tags() -> frozenset[str]:
    """Return the tags that tasks are chosen by; none where some are chosen by anything else."""
    asked = frozenset(str(tag).strip() for given in context.CLIARGS.get("tags") or () for tag in str(given).split(","))
    return frozenset() if asked & SPECIAL else asked - {""}


def known_tags(play: t.Any) -> frozenset[str]:
    """Return the tags of a play's tasks, also of those that its roles include only where they have something to do.

    They are not all: what includes another role, or a file elsewhere, is not followed.
    """
    files = [file for role in play.roles for file in sorted(Path(str(role._role_path), "tasks").glob("*.y*ml"))]
    return frozenset(_compiled(play.compile())).union(*map(_read, files)) - SPECIAL


def _compiled(blocks: Iterable[t.Any]) -> Iterable[str]:
    for each in blocks:
        yield from map(str, each.tags)
        for part in ("block", "rescue", "always"):
            yield from _compiled(getattr(each, part, None) or ())


def _read(file: Path) -> frozenset[str]:
    # Whatever is wrong with a file is an error of the run's, if it comes to it, and none of what is said at its end.
    with contextlib.suppress(Exception):
        return frozenset(_written(DataLoader().load_from_file(str(file))))
    return frozenset()


def _written(tasks: t.Any) -> Iterable[str]:
    for task in tasks if isinstance(tasks, list) else ():
        if not isinstance(task, dict):
            continue
        yield from _words(task.get("tags"))
        for part in ("block", "rescue", "always"):
            yield from _written(task.get(part))


def _words(tags: t.Any) -> Iterable[str]:
    for tag in tags if isinstance(tags, list) else [tags]:
        # To Ansible, a number is a tag too.
        if isinstance(tag, (str, int)):
            yield from filter(None, map(str.strip, str(tag).split(",")))
