# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventories in JSON and YAML, read without Nix and as strictly as Nix reads its own files."""

from __future__ import annotations

import json
import math
import typing as t

import yaml

from ..core.errors import InventoryError
from .fields import quoted

if t.TYPE_CHECKING:
    from .place import DataFile


def read_data_file(place: DataFile) -> t.Any:
    """Return the plain data in the file; raises ``InventoryError``."""
    try:
        text = place.path.read_text(encoding="utf-8")
        data = _read_json(text) if place.path.suffix == ".json" else yaml.load(text, _Loader)
    except OSError as error:
        raise InventoryError(f"{place}: it cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InventoryError(f"{place}: it is not UTF-8: {error.reason} at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise InventoryError(f"{place}:{error.lineno}:{error.colno}: it is not JSON: {error.msg}") from None
    except _DuplicateError as error:
        raise InventoryError(f"{place}: {error}") from None
    except yaml.YAMLError as error:
        raise InventoryError(f"{place}{_yaml_position(error)}: it is not YAML: {_yaml_problem(error)}") from None
    except RecursionError:
        raise InventoryError(f"{place}: its data are nested too deeply") from None
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
                raise InventoryError(f"{place}: {_at(where)}{quoted(key)} is used as a name; write it in quotes")
            _check_plain(place, where, key)
            _check_plain(place, f"{where}.{key}" if where else key, item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_plain(place, f"{where}[{index}]", item)
    elif isinstance(value, float) and not math.isfinite(value):
        raise InventoryError(f"{place}: {_at(where)}{value} is not a number that can be told")
    elif isinstance(value, str) and not _is_text(value):
        raise InventoryError(f"{place}: {_at(where)}{value!a} is not text: it has half of a character")
    elif not isinstance(value, (str, int, float, type(None))):
        raise InventoryError(f"{place}: {_at(where)}a {type(value).__name__} is not plain data")


def _is_text(value: str) -> bool:
    # An escaped character beyond the first 65,536 is written in two halves in JSON, which YAML does not join.
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)


def _at(where: str) -> str:
    return f"at {where}: " if where else ""
