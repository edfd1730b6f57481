# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How settings and strings reach Nix."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.errors import EvaluationError
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.command import nix, option_arguments
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.language import (
    attribute_path,
    attribute_steps,
    string_literal,
    value_literal,
)


def test_every_command_names_the_features_it_needs() -> None:
    assert nix("eval", "--raw") == ["nix", "--extra-experimental-features", "nix-command flakes", "eval", "--raw"]


def test_another_nix_can_be_named() -> None:
    assert nix("eval", executable="/opt/nix/bin/nix")[0] == "/opt/nix/bin/nix"


@pytest.mark.parametrize(
    ("value", "written"),
    [(True, "true"), (False, "false"), (["a", "b"], "a b"), (4, "4"), ("x y", "x y"), (None, ""), ([], "")],
)
def test_settings_are_written_as_in_nix_conf(value: t.Any, written: str) -> None:
    assert option_arguments({"some-setting": value}) == ["--option", "some-setting", written]


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("a", ("a",)),
        ("nixosConfigurations.vps-sg-1.config", ("nixosConfigurations", "vps-sg-1", "config")),
        ('homeConfigurations."alice@work.lan".activationPackage', ("homeConfigurations", "alice@work.lan", "activationPackage")),
        ('"a b"."${builtins.abort 1}"', ("a b", "${builtins.abort 1}")),
        ("x.$(touch pwned).y", ("x", "$(touch pwned)", "y")),
        ('a."".b', ("a", "", "b")),
        ("", ()),
    ],
)  # fmt: skip
def test_attribute_paths_are_read_as_nix_reads_them(path: str, steps: tuple[str, ...]) -> None:
    assert attribute_steps(path) == steps


@pytest.mark.parametrize("path", ["a..b", ".a", "a.", 'a."b', 'a"b"', '"a"b', 'a."b"c'])
def test_what_is_no_attribute_path_is_refused(path: str) -> None:
    with pytest.raises(EvaluationError, match="not an attribute path"):
        attribute_steps(path)


@pytest.mark.parametrize("path", ["a.b-c._d'", '"1a"."x.y"', 'a.""."é"'])
def test_attribute_paths_are_written_as_they_are_read(path: str) -> None:
    assert attribute_path(attribute_steps(path)) == path


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("plain", '"plain"'),
        ('say "hi"', r'"say \"hi\""'),
        ("${builtins.abort 1}", r'"\${builtins.abort 1}"'),
        ("$${x}", r'"\$\${x}"'),
        ("back\\slash", r'"back\\slash"'),
        ("''", "\"''\""),
        ("a\r\nb", '"a\\r\nb"'),
    ],
)
def test_no_part_of_a_string_is_code(text: str, literal: str) -> None:
    assert string_literal(text) == literal


def test_data_travels_as_json_in_a_string() -> None:
    assert value_literal({"a": ["${b}", None]}) == '(builtins.fromJSON "{\\"a\\": [\\"\\${b}\\", null]}")'
