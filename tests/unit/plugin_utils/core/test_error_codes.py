# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each error that the collection makes has a code of its own."""

from __future__ import annotations

import ast
import collections
import dataclasses
import pathlib
import re
import typing as t

import pytest

PLUGINS = pathlib.Path(__file__).resolve().parents[4] / "plugins"
MODULES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PLUGINS.rglob("*.py"))}
CODE = re.compile("[a-z_]+")


@dataclasses.dataclass(frozen=True)
class Made:
    """A place where an error is made, and the codes that are written there."""

    place: str
    has_code: bool
    codes: tuple[str, ...]


def last_name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")


def classes(tree: ast.Module) -> dict[str, set[str]]:
    """Return the classes of a module, each with the names of what it is made from."""
    return {node.name: set(map(last_name, node.bases)) for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}


def family() -> frozenset[str]:
    """Return the names of NixError and of the classes that are made from it."""
    everywhere = [each for tree in MODULES.values() for each in classes(tree).items()]
    names, before = {"NixError"}, 0
    while len(names) != before:
        before = len(names)
        names |= {name for name, bases in everywhere if names & bases}
    return frozenset(names)


def namesakes(names: frozenset[str]) -> set[tuple[str, str]]:
    """Return the modules, as others import them, that have a class of such a name which is no NixError."""
    return {
        (".".join(path.with_suffix("").parts[-2:]), name)
        for path, tree in MODULES.items()
        for name, bases in classes(tree).items()
        if name in names - {"NixError"} and not names & bases
    }


def makers(tree: ast.Module, names: frozenset[str], others: set[tuple[str, str]]) -> set[str]:
    """Return what makes an error in a module: classes, and parameters that are one of them."""
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if (".".join((node.module or "").split(".")[-2:]), alias.name) not in others
    }
    local = {name for name, bases in classes(tree).items() if names & bases}
    parameters = {
        node.arg
        for node in ast.walk(tree)
        if isinstance(node, ast.arg) and node.annotation and ast.unparse(node.annotation) == "type[NixError]"
    }
    return set(names & (imported | local)) | parameters


def written(value: ast.expr) -> t.Iterator[str]:
    if isinstance(value, ast.IfExp):
        yield from written(value.body)
        yield from written(value.orelse)
    elif isinstance(value, ast.Constant):
        yield str(value.value)


def made() -> t.Iterator[Made]:
    names = family()
    others = namesakes(names)
    for path, tree in MODULES.items():
        known = makers(tree, names, others)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and last_name(node.func) in known:
                codes = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
                place = f"{path.relative_to(PLUGINS)}:{node.lineno}"
                yield Made(place, bool(codes), tuple(code for value in codes for code in written(value)))


ALL = tuple(made())


def test_errors_are_found_at_all() -> None:
    assert len(ALL) > 200


@pytest.mark.parametrize("error", ALL, ids=lambda error: error.place)
def test_each_error_has_a_code(error: Made) -> None:
    assert error.has_code
    assert all(CODE.fullmatch(code) for code in error.codes), error.codes


def test_no_two_causes_of_a_module_share_the_code_of_any_failure() -> None:
    counted = collections.Counter(error.place.partition(":")[0] for error in ALL if "failed" in error.codes)
    assert [module for module, times in counted.items() if times > 1] == []
