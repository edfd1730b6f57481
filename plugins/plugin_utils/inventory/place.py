# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an inventory's data are, worked out of the plugin's options; and JSON and YAML, read as strictly as Nix reads its own files."""

from __future__ import annotations

import dataclasses
import json
import math
import os.path
import pathlib
import re
import typing as t

import yaml

from ..core.errors import InventoryError
from .source import attribute_path, quoted, steps_of

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
            code="bad_option",
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
        raise InventoryError(
            f"override_inputs: {name} must be a flake reference, not {quoted(reference)}", code="bad_option"
        )
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
            code="no_file",
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
        code="no_flake",
        advice="say where the data are, by the option flake or nodes",
    )


def read_data_file(place: DataFile) -> t.Any:
    """Return the plain data in the file; raises ``InventoryError``."""
    try:
        text = place.path.read_text(encoding="utf-8")
        data = _read_json(text) if place.path.suffix == ".json" else yaml.load(text, _Loader)
    except OSError as error:
        raise InventoryError(f"{place}: it cannot be read: {error.strerror}", code="unreadable") from None
    except UnicodeDecodeError as error:
        raise InventoryError(f"{place}: it is not UTF-8: {error.reason} at byte {error.start}", code="syntax") from None
    except json.JSONDecodeError as error:
        raise InventoryError(
            f"{place}:{error.lineno}:{error.colno}: it is not JSON: {error.msg}", code="syntax"
        ) from None
    except _DuplicateError as error:
        raise InventoryError(f"{place}: {error}", code="duplicate") from None
    except yaml.YAMLError as error:
        raise InventoryError(
            f"{place}{_yaml_position(error)}: it is not YAML: {_yaml_problem(error)}", code="syntax"
        ) from None
    except RecursionError:
        raise InventoryError(f"{place}: its data are nested too deeply", code="not_plain") from None
    _check_plain(str(place), "", data)
    return {} if data is None and place.path.suffix != ".json" else data


class _DuplicateError(Exception):
    """A key stands twice in one set: one of the two would be lost without a word."""

    def __init__(self, key: t.Any, line: int | None = None) -> None:
        super().__init__(f"{quoted(key)} is defined more than once{f', again in line {line}' if line else ''}")


def _read_json(text: str) -> t.Any:
    return json.loads(text, object_pairs_hook=_each_once)


def _each_once(pairs: list[tuple[str, t.Any]]) -> dict[str, t.Any]:
    result: dict[str, t.Any] = {}
    for key, value in pairs:
        if key in result:
            raise _DuplicateError(key)
        result[key] = value
    return result


class _Loader(yaml.SafeLoader):
    """YAML's safe subset, without dates: a date stays the text that it was written as."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[t.Any, t.Any]:
        seen: set[t.Any] = set()
        for key_node, _value in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge" or not isinstance(key_node, yaml.ScalarNode):
                continue
            key = key_node.value
            if key in seen:
                raise _DuplicateError(key, key_node.start_mark.line + 1)
            seen.add(key)
        return super().construct_mapping(node, deep)


def _yaml_position(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f":{mark.line + 1}:{mark.column + 1}" if mark else ""


def _yaml_problem(error: yaml.YAMLError) -> str:
    return str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)


def _check_plain(place: str, where: str, value: t.Any) -> None:
    """Hold data to what Nix, too, could say: sets with strings for names, lists, strings, numbers, booleans, null."""
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise InventoryError(
                    f"{place}: {_at(where)}{quoted(key)} is used as a name; write it in quotes", code="not_plain"
                )
            _check_plain(place, where, key)
            _check_plain(place, f"{where}.{key}" if where else key, item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_plain(place, f"{where}[{index}]", item)
    elif isinstance(value, float) and not math.isfinite(value):
        raise InventoryError(f"{place}: {_at(where)}{value} is not a number that JSON can say", code="not_plain")
    elif isinstance(value, str) and not _is_text(value):
        raise InventoryError(
            f"{place}: {_at(where)}{value!a} is not text: it has half of a character", code="not_plain"
        )
    elif not isinstance(value, (str, int, float, type(None))):
        raise InventoryError(f"{place}: {_at(where)}a {type(value).__name__} is not plain data", code="not_plain")


def _is_text(value: str) -> bool:
    # An escaped character beyond the first 65,536 is written in two halves in JSON, which YAML does not join.
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)


def _at(where: str) -> str:
    return f"at {where}: " if where else ""
