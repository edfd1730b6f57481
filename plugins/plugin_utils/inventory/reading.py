# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the place of an inventory once more, for what the inventory itself must not hold."""

from __future__ import annotations

import pathlib
import typing as t

from .colmena import text_source
from .evaluation import Settings, evaluate
from .place import FlakeOutput, NixFile

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from .place import Place


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


def text_in_hive(hive: Mapping[str, t.Any]) -> str:
    """Return the text of a colmena key, which ``hive`` names as the inventory does."""
    place: FlakeOutput | NixFile
    if hive["file"]:
        place = NixFile(pathlib.Path(hive["file"]))
    else:
        place = FlakeOutput(hive["flake"], tuple(hive["attribute"]) if hive["attribute"] else None)
    settings = Settings(override_inputs=hive["override_inputs"] or {}, impure=bool(hive["impure"]))
    return str(evaluate([text_source(hive["node"], hive["key"])], place, settings).data)
