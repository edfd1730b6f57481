# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remote builders as a task names them, and how they are."""

from __future__ import annotations

import dataclasses
import json
import typing as t

from ..build.builders import builder_at, check, expanded, own_builders, validate_builder_name
from .run import run_state
from .variables import plain

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from ..build.builders import Health
    from ..core.shell import Shell
    from .action import NixAction

# The entry that stands for the setting of the machine that builds.
OWN = "nix"
# For how long what one host was told is told to the others.
SECONDS_SHARED = 60.0


@dataclasses.dataclass(frozen=True)
class Usable:
    """What a build may use: the value of Nix's setting ``builders``, or None to leave that as it is."""

    builders: str | None
    warnings: tuple[str, ...]


def health_of(action: NixAction, named: Iterable[str], seconds: int) -> list[Health]:
    """Return how each of the builders is that a task names, as the machine that the task runs on finds it."""
    # A shell without the limit for questions: this one ends by itself, somewhat later than ``seconds``.
    shell = action.shell_within(None)
    entries = [entry for name in named for entry in _entries(action, shell, name)]
    return check(shell, expanded(shell, entries), seconds)


def usable(action: NixAction, named: list[str], seconds: int) -> Usable:
    """Return which of the builders a build may use. The hosts of a run that build on one machine ask once a minute."""
    question = json.dumps([action.host, action.escalates, named, seconds])
    answer = run_state().once(
        "builders", question, lambda: dataclasses.asdict(_found(action, named, seconds)), seconds=SECONDS_SHARED
    )
    return Usable(answer["builders"], tuple(answer["warnings"]))


def _found(action: NixAction, named: list[str], seconds: int) -> Usable:
    found = health_of(action, named, seconds)
    warnings = tuple(each.warning for each in found if each.warning is not None)
    if named == [OWN] and not warnings:
        # To name them would take a user whom the Nix daemon trusts.
        return Usable(None, ())
    return Usable("\n".join(each.builder.line for each in found if each.usable), warnings)


def _entries(action: NixAction, shell: Shell, named: str) -> list[str]:
    """Return a builder that a task names as entries of the setting: a host of the inventory, a line, or the setting itself."""
    first, *fields = named.split()
    if first == OWN and not fields:
        return own_builders(shell)
    if first == action.host:
        # It builds in any case.
        return []
    hosts = action.variables.get("hostvars", {})
    if first not in hosts:
        validate_builder_name(first, hosts)
        return [named]
    return [builder_at(plain(dict(hosts[first])), first, tuple(fields)).line]
