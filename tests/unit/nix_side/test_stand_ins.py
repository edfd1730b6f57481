# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in for nixpkgs understands modules as the real one does, as far as a fleet's configurations go."""

from __future__ import annotations

import typing as t

import pytest

from .conftest import STAND_INS, Nix


def config(nix: Nix, modules: str, wanted: str) -> t.Any:
    """Return a value of the configuration that modules make."""
    return nix.evaluate(_evaluated(modules, wanted))


def _evaluated(modules: str, wanted: str) -> str:
    return f"let l = import {STAND_INS}/nixpkgs/lib; in with l; (evalModules {{ modules = [ {modules} ]; }}).config.{wanted}"


@pytest.mark.parametrize(
    ("modules", "expected"),
    [
        pytest.param('{ a = "x"; }', "x", id="a value is a value"),
        pytest.param('{ a = mkDefault "x"; } { a = "y"; }', "y", id="a default gives way"),
        pytest.param('{ a = mkForce "x"; } { a = "y"; }', "x", id="force prevails"),
        pytest.param("{ a = [ 1 ]; } { a = [ 2 ]; }", [1, 2], id="lists are joined"),
        pytest.param("{ a = [ 1 ]; } { a = mkBefore [ 2 ]; }", [2, 1], id="in the order asked for"),
        pytest.param("{ a.b = 1; } { a.c = 2; }", {"b": 1, "c": 2}, id="sets are merged"),
        pytest.param(
            "{ a = mkMerge [ { b = 1; } (mkIf false { b = 2; }) ]; }", {"b": 1}, id="false conditions are nothing"
        ),
        pytest.param(
            '({ config, ... }: { config = mkIf config.on { a = "x"; }; }) { on = true; }',
            "x",
            id="conditions may look at the configuration",
        ),
        pytest.param("{ imports = [ { a = 1; } ]; }", 1, id="imports count"),
        pytest.param('{ options.a = mkOption { default = "x"; }; }', "x", id="options have defaults"),
        pytest.param(
            '{ options.a = mkOption { type = types.lines; }; } { a = "x"; } { a = "y"; }',
            "x\ny",
            id="lines follow each other",
        ),
        pytest.param(
            "({ who, ... }: { a = who; }) { _module.args.who = 1; }", 1, id="modules can give arguments to each other"
        ),
        pytest.param(
            "{ options.a = mkOption { type = types.attrsOf (types.submodule ({ name, ... }: { options.n = mkOption { default = name; }; })); }; }"
            " { a.x = { }; }",
            {"x": {"n": "x"}},
            id="submodules know their name",
        ),
        pytest.param(
            '{ options.a = mkOption { default = throw "unused"; }; } { a = 1; }',
            1,
            id="a default that is not used is not looked at",
        ),
    ],
)
def test_modules_are_merged(nix: Nix, modules: str, expected: t.Any) -> None:
    assert config(nix, modules, "a") == expected


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        pytest.param('{ a = "x"; } { a = "y"; }', "The option `a' has conflicting definition values", id="two values"),
        pytest.param("{ options.a = mkOption { }; }", "The option `a' was accessed but has no value", id="none"),
        pytest.param(
            '{ options.a = mkOption { type = types.int; }; } { a = "1"; }', "not of type `signed integer'", id="type"
        ),
        pytest.param("({ who, ... }: { a = who; })", "the argument `who', which nobody gives", id="argument"),
    ],
)
def test_mistakes_in_modules_are_told_as_the_real_one_tells_them(nix: Nix, modules: str, message: str) -> None:
    assert message in nix.error(_evaluated(modules, "a"))


def test_a_failed_assertion_stops_the_evaluation(nix: Nix) -> None:
    expression = f"""
      ((builtins.getFlake "path:{STAND_INS}/nixpkgs").lib.nixosSystem {{
        modules = [ {{ assertions = [ {{ assertion = false; message = "no good"; }} ]; }} ];
      }}).config.system.build.toplevel.drvPath
    """
    error = nix.error(expression)
    assert "- no good" in error
    assert "does not specify your root file system" in error
