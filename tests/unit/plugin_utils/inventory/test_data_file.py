# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventories in JSON and YAML."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import InventoryError
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.data_file import read_data_file
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.place import DataFile

if t.TYPE_CHECKING:
    import pathlib


def read(directory: pathlib.Path, name: str, text: str) -> t.Any:
    file = directory / name
    file.write_text(text, encoding="utf-8")
    return read_data_file(DataFile(file))


def test_json_and_yaml_say_the_same(tmp_path: pathlib.Path) -> None:
    expected = {"a": {"ips": ["192.0.2.1"], "big": 9223372036854775807, "none": None, "name": "Grüß 世界", "half": 0.5}}
    text = '{"a": {"ips": ["192.0.2.1"], "big": 9223372036854775807, "none": null, "name": "Grüß 世界", "half": 0.5}}'
    assert read(tmp_path, "n.json", text) == expected
    assert read(tmp_path, "n.yml", text) == expected


def test_a_date_stays_the_text_that_it_was_written_as(tmp_path: pathlib.Path) -> None:
    assert read(tmp_path, "n.yml", "a: {since: 2026-11-21}") == {"a": {"since": "2026-11-21"}}


def test_an_empty_yaml_file_is_an_empty_fleet(tmp_path: pathlib.Path) -> None:
    assert read(tmp_path, "n.yml", "---\n") == {}


def test_anchors_and_merge_keys_of_yaml_work(tmp_path: pathlib.Path) -> None:
    data = read(tmp_path, "n.yml", "a: &a {x: 1, y: 1}\nb: {<<: *a, y: 2}\nc: *a\n")
    assert data == {"a": {"x": 1, "y": 1}, "b": {"x": 1, "y": 2}, "c": {"x": 1, "y": 1}}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("n.json", '{"a": }', "n.json:1:7: it is not JSON"),
        ("n.json", '{"a": {}, "a": {}}', 'n.json: "a" is defined more than once'),
        ("n.json", '{"a": NaN}', "at a: nan is not a number"),
        ("n.yml", "a: [", "it is not YAML"),
        ("n.yml", "a: {}\nb: {}\na: {}\n", 'n.yml: "a" is defined more than once, again in line 3'),
        ("n.yml", "a: {x: !vault y}", "it is not YAML: could not determine a constructor"),
        ("n.yml", "a: {1: x}", "at a: 1 is used as a name; write it in quotes"),
        ("n.yml", "a: {x: [.inf]}", "at a.x[0]: inf is not a number"),
        ("n.yml", "a: {x: !!binary aGk=}", "at a.x: a bytes is not plain data"),
        ("n.yml", 'a: {x: "\\ud83d\\udc4b"}', "at a.x: '\\ud83d\\udc4b' is not text: it has half of a character"),
        ("n.json", '{"a": "\\ud83d"}', "at a: '\\ud83d' is not text"),
        ("n.yml", "? [a]\n: b", "it is not YAML"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(tmp_path: pathlib.Path, name: str, text: str, message: str) -> None:
    with pytest.raises(InventoryError) as raised:
        read(tmp_path, name, text)
    assert raised.value.cause.startswith(str(tmp_path / name))
    assert message in raised.value.cause


def test_a_file_that_is_not_text_is_told(tmp_path: pathlib.Path) -> None:
    (tmp_path / "n.json").write_bytes(b'{"a": "\xff"}')
    with pytest.raises(InventoryError, match="it is not UTF-8"):
        read_data_file(DataFile(tmp_path / "n.json"))
