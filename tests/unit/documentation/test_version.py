# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One version everywhere: galaxy.yml's, which is the one that the next release has."""

from __future__ import annotations

import re

import yaml

from .collection import ROOT
from .commands import PAGES

VERSION = yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


def test_every_tarball_that_is_named_is_of_this_version() -> None:
    files = [*PAGES, *(path for path in (ROOT / "examples").rglob("*") if path.is_file())]
    named = {found for file in files for found in re.findall(r"nix-fleet-(\d[\d.]*\d)\.tar", file.read_text())}
    assert named == {VERSION}


def test_what_is_not_released_yet_is_of_a_version_that_was_not_released_either() -> None:
    released = yaml.safe_load((ROOT / "changelogs/changelog.yaml").read_text())["releases"]
    fragments = list((ROOT / "changelogs/fragments").glob("*.yml"))
    newest = max(released, key=numbers)
    assert numbers(VERSION) > numbers(newest) if fragments else newest == VERSION


def test_nothing_says_that_it_was_added_later_than_that() -> None:
    for file in [*(ROOT / "plugins").rglob("*.py"), *(ROOT / "roles").rglob("argument_specs.yml")]:
        for added in re.findall(r"version_added: [\"']?([\d.]+\d)", file.read_text()):
            assert numbers(added) <= numbers(VERSION), file


def test_no_page_takes_it_from_a_galaxy_server() -> None:
    for page in PAGES:
        assert not re.search(r"collection install (?:-\S+ )*nix\.fleet", page.read_text()), page
