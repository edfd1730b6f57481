# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the plugin's options to a fleet: find the place, fetch its data, make nodes of them."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ..core.errors import InventoryError
from . import configurations
from .auto import SOURCES, files_of, sources_for
from .data_file import read_data_file
from .evaluation import Evaluated, Settings
from .fleet import Fleet, fleet_of
from .nodes import SOURCE as NODES
from .place import DataFile, FlakeOutput, NixFile, find_flake, found_place, named_place
from .reading import reading
from .remembering import evaluate_unless_remembered
from .source import Origin

if t.TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

    from .node import Node
    from .place import Place
    from .remembering import Memory
    from .source import Source


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
    if nodes is None:
        place = found_place(files_of(source), reference, directory)
    elif source == configurations.SOURCE.name:
        raise InventoryError(
            "the source configurations reads the standard outputs of the option flake, and nodes has no meaning to it",
            advice="leave nodes out, or choose another source",
        )
    else:
        place = named_place(nodes, reference, directory)
    if isinstance(place, DataFile) and NODES not in (sources := sources_for(source, place)):
        raise InventoryError(
            f"{place}: the source {sources[0].name} cannot be read from JSON or YAML",
            advice="choose the source nodes, or name a .nix file or a flake's output",
        )
    # Data out of a flake's output are, if nothing else is said, that flake's.
    if flake is None and isinstance(place, FlakeOutput):
        reference = place.flake
    return Plan(place, sources_for(source, place), reference)


def fetch(plan: Plan, settings: Settings, memory: Memory | None) -> Evaluated:
    """Return the data of ``plan``: read, remembered, or evaluated."""
    place = plan.place
    if isinstance(place, DataFile):
        return Evaluated(NODES.name, read_data_file(place))
    if isinstance(place, NixFile) and settings.override_inputs:
        settings = dataclasses.replace(settings, override_inputs={})
    return evaluate_unless_remembered(plan.sources, place, settings, memory)


@contextlib.contextmanager
def _named(place: str) -> Iterator[None]:
    try:
        yield
    except InventoryError as error:
        raise InventoryError(f"{place}: {error.cause}", advice=error.advice) from None
