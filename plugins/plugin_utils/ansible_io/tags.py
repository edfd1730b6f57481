# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tags that a run was given with ``--tags`` and ``--skip-tags``, and those that there are."""

from __future__ import annotations

import contextlib
import typing as t
from pathlib import Path

from ansible import context
from ansible.parsing.dataloader import DataLoader

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# They ask for tasks by something else than a tag that is theirs.
SPECIAL = frozenset({"all", "always", "never", "tagged", "untagged"})


def asked_tags() -> frozenset[str]:
    """Return the tags that tasks are chosen by; none where some are chosen by anything else."""
    asked = _given("tags")
    return frozenset() if asked & SPECIAL else asked


def tags_to_skip() -> frozenset[str]:
    """Return the tags whose tasks are left out."""
    return _given("skip_tags") - SPECIAL


def known_tags(play: t.Any) -> frozenset[str]:
    """Return the tags of a play's tasks, also of those that its roles include only where they have something to do.

    They are not all: what includes another role, or a file elsewhere, is not followed.
    """
    files = [file for role in play.roles for file in sorted(Path(str(role._role_path), "tasks").glob("*.y*ml"))]
    compiled = frozenset(str(tag) for each in _nested(play.compile(), getattr) for tag in each.tags)
    return compiled.union(*map(_read, files)) - SPECIAL


def _given(option: str) -> frozenset[str]:
    return frozenset(_words([str(tag) for tag in context.CLIARGS.get(option) or ()]))


def _read(file: Path) -> frozenset[str]:
    # Whatever is wrong with a file is an error of the run's, if it comes to it, and none of what is said of tags.
    with contextlib.suppress(Exception):
        tasks = _nested(DataLoader().load_from_file(str(file)), _entry)
        return frozenset(tag for task in tasks for tag in _words(_entry(task, "tags")))
    return frozenset()


def _entry(task: t.Any, name: str, default: t.Any = None) -> t.Any:
    return task.get(name, default) if isinstance(task, dict) else default


def _nested(tasks: t.Any, part_of: Callable[[t.Any, str, None], t.Any]) -> Iterable[t.Any]:
    """Yield ``tasks``, and those in the parts of blocks among them."""
    for each in tasks if isinstance(tasks, list) else ():
        yield each
        for part in ("block", "rescue", "always"):
            yield from _nested(part_of(each, part, None), part_of)


def _words(tags: t.Any) -> Iterable[str]:
    for tag in tags if isinstance(tags, list) else [tags]:
        # To Ansible, a number is a tag too.
        if isinstance(tag, (str, int)):
            yield from filter(None, map(str.strip, str(tag).split(",")))
