# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the plugin's options to a fleet: find the place and the source, fetch the data, make nodes of them."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import typing as t

from ..core.errors import InventoryError
from . import colmena, configurations, deploy_rs, nodes
from .cache import cached_evaluation
from .evaluation import Evaluated, Settings
from .fleet import Fleet, fleet_of
from .nodes import SOURCE as NODES
from .place import DataFile, FlakeOutput, NixFile, find_flake, found_place, named_place, read_data_file
from .source import Origin

if t.TYPE_CHECKING:
    import pathlib
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from .cache import Cache
    from .place import Place
    from .source import Node, Source

AUTO = "auto"
# In a flake the first that finds its kind of data is taken, so the most telling comes first.
SOURCES: Mapping[str, Source] = {
    source.name: source for source in (nodes.SOURCE, colmena.SOURCE, deploy_rs.SOURCE, configurations.SOURCE)
}


def files_of(source: str) -> tuple[str, ...]:
    """Return the names of files that ``source`` looks for beside the inventory file."""
    return tuple(name for each in _meant(source) for name in each.files)


def sources_for(source: str, place: Place) -> tuple[Source, ...]:
    """Return the sources that may read ``place``: one, but for a whole flake and ``auto``."""
    if source != AUTO or (isinstance(place, FlakeOutput) and place.attribute is None):
        return _meant(source)
    named = (
        each for each in SOURCES.values() if not isinstance(place, FlakeOutput) and place.path.name in each.bare_files
    )
    return (next(named, NODES),)


def _meant(source: str) -> tuple[Source, ...]:
    return tuple(SOURCES.values()) if source == AUTO else (SOURCES[source],)


def reading(place: Place, settings: Settings) -> dict[str, t.Any]:
    """Return, as plain data, what it takes to read ``place`` again.

    Not the settings of Nix itself, among which are passwords for other servers.
    """
    if not isinstance(place, FlakeOutput):
        return {"file": str(place.path)}
    return {
        "flake": place.flake,
        **({"attribute": list(place.attribute)} if place.attribute else {}),
        **({"override_inputs": dict(settings.override_inputs)} if settings.override_inputs else {}),
        **({"impure": True} if settings.impure else {}),
    }


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is read, where, and by whom."""

    place: Place
    sources: tuple[Source, ...]
    # The flake that the configurations are built of.
    flake: str | None


@dataclasses.dataclass(frozen=True)
class Reading:
    """A plan that was carried out."""

    plan: Plan
    settings: Settings
    evaluated: Evaluated

    def nodes(self) -> tuple[Node, ...]:
        """The hosts that the data describe; raises ``InventoryError`` which names the place."""
        place = self.plan.place
        attribute = place.attribute if isinstance(place, FlakeOutput) else None
        origin = Origin(str(place), self.plan.flake, attribute, reading(place, self.settings))
        with _named(origin.place):
            return SOURCES[self.evaluated.source].nodes(self.evaluated.data, origin)

    def fleet(self) -> Fleet:
        """The fleet that these hosts are; raises ``InventoryError`` which names the place."""
        nodes = self.nodes()
        with _named(str(self.plan.place)):
            return fleet_of(nodes)


def plan(source: str, nodes: str | None, flake: str | None, directory: pathlib.Path) -> Plan:
    """Return the plan that the options make; paths in them begin at ``directory``. Reads no data."""
    reference = find_flake(flake, directory)
    meant = _meant(source)
    if nodes is None:
        root = directory / (reference or "")
        bare = tuple(
            str(root / name)
            for each in meant
            for name in each.bare_files
            if (root / name).is_file() and find_flake(None, root) is None
        )
        place = found_place(bare or files_of(source), reference, directory)
    elif all(each.whole_flake for each in meant):
        raise InventoryError(
            f"the source {source} reads the standard outputs of the option flake, and nodes has no meaning to it",
            code="bad_option",
            advice="leave nodes out, or choose another source",
        )
    else:
        place = named_place(nodes, reference, directory)
    if isinstance(place, DataFile) and NODES not in (sources := sources_for(source, place)):
        raise InventoryError(
            f"{place}: the source {sources[0].name} cannot be read from JSON or YAML",
            code="bad_option",
            advice="choose the source nodes, or name a .nix file or a flake's output",
        )
    # Data out of a flake's output are, if nothing else is said, that flake's.
    if flake is None and isinstance(place, FlakeOutput):
        reference = place.flake
    return Plan(place, sources_for(source, place), reference)


def fetch(plan: Plan, settings: Settings, cache: Cache | None) -> Evaluated:
    """Return the data of ``plan``: read, from the cache, or evaluated."""
    place = plan.place
    if isinstance(place, DataFile):
        return Evaluated(NODES.name, read_data_file(place))
    if isinstance(place, NixFile) and settings.override_inputs:
        settings = dataclasses.replace(settings, override_inputs={})
    return cached_evaluation(plan.sources, place, settings, cache)


# What Ansible reads in a directory group_vars or host_vars: these endings and none.
_VARIABLES = ("", ".yml", ".yaml", ".json")
# Groups of these names are made here alone.
_OWN_GROUPS = ("role_", "platform_", "system_")


def variables_of_none(
    directories: Iterable[pathlib.Path], kind: str, names: Collection[str], *, alone: bool
) -> list[tuple[pathlib.Path, str | None]]:
    """Return each file of ``kind`` (group_vars or host_vars) for a name that is none of ``names``, with the one that may be meant.

    Unless the fleet is ``alone``, another source may make any host and group, but for groups that are named as ours.
    """
    return [
        (file, next(iter(difflib.get_close_matches(name, sorted(names), n=1)), None))
        for directory in directories
        if (directory / kind).is_dir()
        for file in sorted((directory / kind).iterdir())
        if not file.name.startswith(".") and file.suffix in _VARIABLES and not file.name.endswith("~")
        if (name := file.stem if file.is_file() else file.name) not in (*names, "all", "ungrouped", "localhost")
        if alone or (kind == "group_vars" and name.startswith(_OWN_GROUPS))
    ]


@contextlib.contextmanager
def _named(place: str) -> Iterator[None]:
    try:
        yield
    except InventoryError as error:
        raise InventoryError(
            f"{place}: {error.cause}", code=error.code.partition(".")[2], advice=error.advice
        ) from None
