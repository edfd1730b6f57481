# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sources by name, and finding out which of them a fleet is written for."""

from __future__ import annotations

import typing as t

from . import colmena, configurations, deploy_rs, nodes
from .place import FlakeOutput, NixFile

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from .place import Place
    from .source import Source

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
    if source != AUTO:
        return _meant(source)
    if isinstance(place, FlakeOutput) and place.attribute is None:
        return tuple(SOURCES.values())
    if isinstance(place, NixFile) and place.path.name in colmena.SOURCE.files:
        return (colmena.SOURCE,)
    return (nodes.SOURCE,)


def _meant(source: str) -> tuple[Source, ...]:
    return tuple(SOURCES.values()) if source == AUTO else (SOURCES[source],)
