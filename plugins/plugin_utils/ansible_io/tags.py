# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tags that a run was asked for with ``--tags``, and those that there are."""

from __future__ import annotations

import contextlib
import typing as t
from pathlib import Path

from ansible import context
from ansible.errors import AnsibleError
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
    """Return the tags of a play's tasks, also of those that its roles include only where they have something to do."""
    files = [file for role in play.roles for file in sorted(Path(str(role._role_path), "tasks").glob("*.y*ml"))]
    read = (tag for file in files for tag in _written(_loaded(file)))
    return frozenset((*_compiled(play.compile()), *read)) - SPECIAL


def _compiled(blocks: Iterable[t.Any]) -> Iterable[str]:
    for each in blocks:
        yield from map(str, each.tags)
        for part in ("block", "rescue", "always"):
            yield from _compiled(getattr(each, part, None) or ())


def _loaded(file: Path) -> t.Any:
    # A file that cannot be read is an error of the run's, if it comes to it.
    with contextlib.suppress(AnsibleError, OSError):
        return DataLoader().load_from_file(str(file))
    return None


def _written(tasks: t.Any) -> Iterable[str]:
    for task in tasks if isinstance(tasks, list) else ():
        if not isinstance(task, dict):
            continue
        tags = task.get("tags") or ()
        yield from (tag.strip() for tag in tags.split(",")) if isinstance(tags, str) else map(str, tags)
        for part in ("block", "rescue", "always"):
            yield from _written(task.get(part))
