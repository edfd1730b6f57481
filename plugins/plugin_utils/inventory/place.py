# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an inventory's data are, worked out of the plugin's options without reading any of them."""

from __future__ import annotations

import dataclasses
import os.path
import pathlib
import re
import typing as t

from ..core.errors import InventoryError
from .attribute import attribute_path, steps_of
from .fields import quoted

if t.TYPE_CHECKING:
    from collections.abc import Sequence

DATA_SUFFIXES = (".json", ".yml", ".yaml")
_PATH_START = re.compile(r"[/~]|\.{1,2}(/|\Z)")


@dataclasses.dataclass(frozen=True)
class DataFile:
    """A JSON or YAML file: read here, without Nix."""

    path: pathlib.Path

    def __str__(self) -> str:
        return str(self.path)


@dataclasses.dataclass(frozen=True)
class NixFile:
    """A file that Nix evaluates."""

    path: pathlib.Path

    def __str__(self) -> str:
        return str(self.path)


@dataclasses.dataclass(frozen=True)
class FlakeOutput:
    """A flake, an absolute path or any other flake reference, and perhaps one of its outputs."""

    flake: str
    attribute: tuple[str, ...] | None = None

    def __str__(self) -> str:
        return self.flake if self.attribute is None else f"{self.flake}#{attribute_path(self.attribute)}"


Place: t.TypeAlias = DataFile | NixFile | FlakeOutput


def find_flake(given: str | None, directory: pathlib.Path) -> str | None:
    """Return the flake that is meant: the ``given`` one, else the nearest at or above ``directory``."""
    if given is not None:
        return absolute_reference(given, directory)
    for candidate in (directory, *directory.parents):
        if (candidate / "flake.nix").is_file():
            return str(candidate)
    return None


def absolute_reference(reference: str, directory: pathlib.Path) -> str:
    """Return a flake reference that means the same everywhere; paths in it begin at ``directory``."""
    if "#" in reference:
        raise InventoryError(
            f"{quoted(reference)} names an output where only a flake belongs",
            advice="name the output in the option nodes",
        )
    scheme, colon, rest = reference.partition(":")
    if colon and scheme in ("path", "git+file") and _PATH_START.match(rest) and not rest.startswith(("/", "~")):
        return f"{scheme}:{_absolute(rest, directory)}"
    if not colon and (_PATH_START.match(reference) or (directory / reference).is_dir()):
        return str(_absolute(reference, directory))
    return reference


def absolute_override(name: str, reference: t.Any, directory: pathlib.Path) -> str:
    """Return the flake that takes the place of the input ``name``."""
    if not isinstance(reference, str):
        raise InventoryError(f"override_inputs: {name} must be a flake reference, not {quoted(reference)}")
    return absolute_reference(reference, directory)


def named_place(nodes: str, flake: str | None, directory: pathlib.Path) -> Place:
    """Return the place that the option ``nodes`` names: ``flake#output`` or a file."""
    before, hash_sign, attribute = nodes.partition("#")
    if hash_sign:
        reference = absolute_reference(before, directory) if before else flake
        if reference is None:
            raise _no_flake(directory)
        return FlakeOutput(reference, steps_of(attribute))
    path = _absolute(nodes, directory)
    if not path.is_file():
        raise InventoryError(
            f"{path}: there is no such file",
            advice="give nodes a path that begins at the inventory file's directory, or a flake's output as FLAKE#NAME",
        )
    return DataFile(path) if path.suffix in DATA_SUFFIXES else NixFile(path)


def found_place(file_names: Sequence[str], flake: str | None, directory: pathlib.Path) -> Place:
    """Return the place where data are looked for when no option names one: a file beside the inventory, or the flake."""
    for name in file_names:
        if (directory / name).is_file():
            return named_place(name, flake, directory)
    if flake is None:
        raise _no_flake(directory, file_names)
    return FlakeOutput(flake)


def _absolute(path: str, directory: pathlib.Path) -> pathlib.Path:
    # Without resolving links: a flake is known by the path that its user knows it by.
    return pathlib.Path(os.path.normpath(directory / pathlib.Path(path).expanduser()))


def _no_flake(directory: pathlib.Path, file_names: Sequence[str] = ()) -> InventoryError:
    beside = f" and none of {', '.join(file_names)} in it" if file_names else ""
    return InventoryError(
        f"{directory}: there is no flake.nix here or above{beside}",
        advice="say where the data are, by the option flake or nodes",
    )
