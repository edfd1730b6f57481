# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every source makes of its data: one record for each inventory host."""

from __future__ import annotations

import dataclasses
import typing as t

from ..platforms.registry import platforms

if t.TYPE_CHECKING:
    from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Node:
    """A machine, or a further profile on one, as Ansible is told of it."""

    name: str
    platform: str
    address: str
    port: int | None = None
    user: str | None = None
    # Whom to become on the host; None where the login user does the work.
    become_user: str | None = None
    system: str | None = None
    role: str | None = None
    tags: tuple[str, ...] = ()
    ips: tuple[str, ...] = ()
    configuration: str | None = None
    flake: str | None = None
    # What is built, as an attribute path of the flake.
    attr: str | None = None
    # Where it is set; None for the platform's own profile.
    profile: str | None = None
    # Which program of it is run; the custom platform only.
    activate: str | None = None
    # Its secrets, as nix_keys takes them: where each comes from, and never what it holds.
    keys: tuple[Mapping[str, t.Any], ...] = ()
    # What the source says to Ansible and nix.fleet beyond all this, as the variables that say it.
    variables: Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    # The user's own fields.
    fields: Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    # Everything that the source said, normalised.
    data: Mapping[str, t.Any] = dataclasses.field(default_factory=dict)


def become_user_of(platform: str, user: str | None) -> str | None:
    """Return whom a login as ``user`` becomes to deploy a system of ``platform``.

    A login that the inventory does not name is left to the operator's ssh configuration and group_vars.
    """
    return "root" if platforms()[platform].escalates and user not in (None, "root") else None
