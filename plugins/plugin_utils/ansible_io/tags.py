# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tags that a run was given with ``--tags`` and ``--skip-tags``, and those that there are."""

from __future__ import annotations

import contextlib
import re
import typing as t
from pathlib import Path

from ansible import context
from ansible.parsing.dataloader import DataLoader

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# They ask for tasks by something else than a tag that is theirs.
SPECIAL = frozenset({"all", "always", "never", "tagged", "untagged"})
INCLUDES = tuple(f"{prefix}{verb}_role" for prefix in ("", "ansible.builtin.") for verb in ("include", "import"))
ROLE_NAME = re.compile(r"[A-Za-z0-9_.-]+")


def asked_tags() -> frozenset[str]:
    """Return the tags that tasks are chosen by; none where some are chosen by anything else."""
    asked = _given("tags")
    return frozenset() if asked & SPECIAL else asked


def tags_to_skip() -> frozenset[str]:
    """Return the tags whose tasks are left out."""
    return _given("skip_tags") - SPECIAL


def known_tags(play: t.Any) -> frozenset[str]:
    """Return the tags of a play's tasks, also of those that its roles include only where they have something to do.

    They are not all: what includes a file elsewhere, or a role that is not beside its own, is not followed.
    """
    compiled = frozenset(str(tag) for each in _nested(play.compile(), getattr) for tag in each.tags)
    return (compiled | _tags_of([Path(str(role._role_path)) for role in play.roles])) - SPECIAL


def _given(option: str) -> frozenset[str]:
    return frozenset(_words([str(tag) for tag in context.CLIARGS.get(option) or ()]))


def _tags_of(roles: Iterable[Path]) -> frozenset[str]:
    """Return the tags of all tasks of ``roles``, and of the roles beside them that these include."""
    found: set[str] = set()
    seen: set[Path] = set()
    left = list(roles)
    while left:
        role = left.pop()
        if role not in seen:
            seen.add(role)
            tasks = _tasks_of(role)
            found.update(tag for task in tasks for tag in _words(_entry(task, "tags")))
            left.extend(role.parent / name.rpartition(".")[2] for task in tasks for name in _roles_included(task))
    return frozenset(found)


def _tasks_of(role: Path) -> list[t.Any]:
    tasks: list[t.Any] = []
    for file in sorted((role / "tasks").glob("*.y*ml")):
        # Whatever is wrong with a file is an error of the run's, if it comes to it, and none of what is said of tags.
        with contextlib.suppress(Exception):
            tasks.extend(_nested(DataLoader().load_from_file(str(file)), _entry))
    return tasks


def _roles_included(task: t.Any) -> Iterable[str]:
    for action in INCLUDES:
        name = _entry(_entry(task, action), "name")
        if isinstance(name, str) and ROLE_NAME.fullmatch(name):
            yield name


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
