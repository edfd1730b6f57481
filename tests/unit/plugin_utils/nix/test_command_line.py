# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How settings and strings reach Nix, and the commands that evaluate, word for word."""

from __future__ import annotations

import json
import subprocess
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.nix.command import (
    attribute_steps,
    configuration,
    exported,
    string_literal,
    with_settings,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.source import Snapshot, Source

from ...errors import fails_with


@pytest.mark.parametrize(
    ("value", "written"),
    [(True, "true"), (False, "false"), (["a", "b"], "a b"), (4, "4"), ("x y", "x y"), (None, ""), ([], "")],
)
def test_settings_are_written_as_in_nix_conf(value: t.Any, written: str) -> None:
    assert configuration({"some-setting": value}) == f"some-setting = {written}"


def test_settings_come_after_those_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NIX_CONFIG", raising=False)
    assert with_settings({}, {"cores": 1, "fallback": True}) == {"NIX_CONFIG": "cores = 1\nfallback = true"}
    monkeypatch.setenv("NIX_CONFIG", "cores = 2")
    assert with_settings({}, {"cores": 1}) == {"NIX_CONFIG": "cores = 2\ncores = 1"}
    assert with_settings({"NIX_CONFIG": "x = y"}, {"cores": 1}) == {"NIX_CONFIG": "x = y\ncores = 1"}
    assert with_settings({"A": "b"}, {}) == {"A": "b"}


@pytest.mark.parametrize("there", [None, "cores = 2"])
def test_a_script_exports_the_same(there: str | None) -> None:
    script = exported({"access-tokens": "a=it's $(id) `id` \\"}) + 'printf %s "$NIX_CONFIG"\n'
    environment = {"PATH": "/usr/bin:/bin", **({"NIX_CONFIG": there} if there else {})}
    done = subprocess.run(["sh", "-s"], input=script, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == f"{there or ''}\naccess-tokens = a=it's $(id) `id` \\"


@pytest.mark.parametrize("value", ["ghp_secret\nbuilders = x", "ghp_secret\r", ["ghp_secret", "a\nb"], "ghp_secret#1"])
def test_a_value_that_nix_would_read_otherwise_is_refused_and_not_shown(value: t.Any) -> None:
    with fails_with("nix.bad_setting") as failure:
        configuration({"access-tokens": value})
    assert "ghp_secret" not in f"{failure.value} {failure.value.to_result()}"


@pytest.mark.parametrize("value", [{"a": "ghp_secret"}, ["a", ["ghp_secret"]], [{"ghp_secret": 1}]])
def test_a_value_that_nix_conf_has_no_form_for_is_refused_and_not_shown(value: t.Any) -> None:
    with fails_with("nix.bad_setting") as failure:
        configuration({"access-tokens": value})
    assert "ghp_secret" not in f"{failure.value} {failure.value.to_result()}"


@pytest.mark.parametrize("name", ["", "a b", "a = b\nc", "!include", "a#b"])
def test_what_is_no_name_of_a_setting_is_refused(name: str) -> None:
    with fails_with("nix.bad_setting"):
        configuration({name: 1})


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
    with fails_with("evaluation.bad_attribute"):
        attribute_steps(path)


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


def test_no_command_line_shows_a_setting() -> None:
    source = Source(flake="/srv/fleet", options={"access-tokens": "github.com=ghp_secret"})
    commands = [source.evaluate_all("f"), source.evaluate_one(["a"]), source.evaluate_root(), source.metadata()]
    assert "ghp_secret" not in str(commands)
    # Other settings may evaluate to something else.
    assert source.identity() != Source(flake="/srv/fleet").identity()


def test_one_attribute_alone_is_for_a_person_to_repeat() -> None:
    assert Source(flake=".").evaluate_one(["hosts", "x.y"])[-2:] == ["--", '.#.hosts."x.y".drvPath']
    assert Source(flake=".").evaluate_one([], "f")[3:7] == ["eval", "--json", "--apply", "f"]
    assert Source(file="/f.nix", arguments={"a": 1}).evaluate_one(["x"])[-7:] == [
        "--arg", "a", '(builtins.fromJSON "1")', "--file", "/f.nix", "--", "x.drvPath",
    ]  # fmt: skip


def test_a_reference_with_an_attribute_is_refused() -> None:
    with fails_with("evaluation.bad_flake"):
        Source(flake="/srv/fleet#web")


@pytest.mark.parametrize(
    ("source", "reproducible"),
    [
        (Source(flake="."), True),
        (Source(flake=".", impure=True), False),
        (Source(file="x.nix"), False),
        (Source(expression="1"), False),
    ],
)
def test_only_a_pure_flake_evaluates_to_the_same_every_time(source: Source, reproducible: bool) -> None:
    assert source.reproducible is reproducible


def test_a_dirty_tree_is_told_from_its_revision() -> None:
    snapshot = Snapshot.from_json(json.dumps({"dirtyRevision": "abc-dirty", "url": "git+file:///x"}))
    assert (snapshot.revision, snapshot.dirty) == ("abc-dirty", True)
