# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pages tell to set in ansible.cfg is what the project root's own ansible.cfg sets."""

from __future__ import annotations

import configparser
import re

from .collection import ROOT


def test_the_inventory_page_sets_what_we_set() -> None:
    ours = configparser.RawConfigParser()
    ours.read(ROOT / "ansible.cfg")
    (block,) = re.findall(
        r"^```ini\n(.*?)^```$", (ROOT / "docs/inventory.md").read_text(), flags=re.DOTALL | re.MULTILINE
    )
    told = configparser.RawConfigParser()
    told.read_string(block)
    assert dict(told["inventory"]) == dict(ours["inventory"])
