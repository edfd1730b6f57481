# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wherever the sources of an inventory are written out, they are those that there are."""

from __future__ import annotations

import re

import yaml

from ansible_collections.nix.fleet.plugins.inventory.nix_inventory import DOCUMENTATION
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.loading import AUTO, SOURCES

from .collection import ROOT


def test_every_source_can_be_chosen() -> None:
    assert yaml.safe_load(DOCUMENTATION)["options"]["source"]["choices"] == [AUTO, *SOURCES]


def test_every_source_is_on_the_page_of_the_inventory() -> None:
    page = (ROOT / "docs/inventory.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"^\| source \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", page, re.MULTILINE)
    assert re.findall(r"^\| `(.+?)` \|", table, re.MULTILINE) == [*SOURCES]
