# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a variable of the role `deploy` that its specification has no words for.

Each is examined by the code that will use it, much later: after an evaluation, a build or a copy.
"""

from __future__ import annotations

import dataclasses
import typing as t
from pathlib import Path

from ..build.builder import see_that_it_is_known
from ..cache.store import parse_store
from ..copy.cascade_place import peer_address, peer_port
from ..core.errors import NixError
from ..health.check import Surroundings
from ..health.kinds import checks_of
from ..nix.command import SETTINGS_FORM, objection_to
from .builders import OWN

if t.TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping

    from ..health.http_exchange import Request


@dataclasses.dataclass(frozen=True)
class Around:
    """What variables may refer to: hosts by their names, and files from the playbook's directory or from where we are."""

    inventory: Container[str]
    playbook: str


def objections(values: Mapping[str, t.Any], around: Around) -> list[NixError]:
    """Return what is wrong with ``values``, by the names of their variables."""
    found = []
    for name, examine in EXAMINED.items():
        if name not in values:
            continue
        try:
            examine(values[name], around)
        except NixError as error:
            found.append(NixError(f"{name}: {error.cause}", advice=error.advice))
    return found


def _named(value: str | None, _around: Around) -> None:
    if not (value or "").strip():
        raise NixError("is empty", advice="set it, or leave it out for what the Nix inventory says")


def _store(value: str | None, _around: Around) -> None:
    if value:
        parse_store(value)


def _address(value: str | None, _around: Around) -> None:
    if value:
        peer_address(value)


def _settings(value: Mapping[str, t.Any], _around: Around) -> None:
    if objection := objection_to(value):
        raise NixError(objection, advice=SETTINGS_FORM)


def _builders(value: list[str], around: Around) -> None:
    for first in (name.split()[0] for name in value if name.strip()):
        if first != OWN:
            see_that_it_is_known(first, around.inventory)


def _checks(value: list[dict[str, t.Any]], _around: Around) -> None:
    checks_of(value, Surroundings(lambda: "", _unseen))


def _unseen(_request: Request) -> t.NoReturn:
    raise NixError("a check that is only examined was made")


def _file(value: str | None, around: Around) -> None:
    # As `deploy_health_file` looks for it.
    places = dict.fromkeys([around.playbook, str(Path.cwd())])
    if value and not any(Path(place, value).exists() for place in places):
        raise NixError(f"there is no file {value} in {' or '.join(places)}", advice="correct the path")


def _seconds(value: int, _around: Around) -> None:
    if value < 0:
        raise NixError(f"{value} is not a number of seconds", advice="give it as 0 or more")


def _limit(value: float, _around: Around) -> None:
    if value < 0:
        raise NixError(f"{value} is less than nothing", advice="0 is for no limit")


EXAMINED: Mapping[str, Callable[[t.Any, Around], t.Any]] = {
    "deploy_flake": _named,
    "deploy_attr": _named,
    "deploy_nix_options": _settings,
    "deploy_remote_builders": _builders,
    "deploy_copy_timeout": _limit,
    "deploy_cache_push": _store,
    "deploy_peer_address": _address,
    "deploy_peer_port": lambda value, _around: peer_port(value),
    "deploy_health_checks": _checks,
    "deploy_health_tasks": _file,
    "deploy_health_within": _seconds,
    "deploy_bake": _seconds,
}
