# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wherever the platforms are written out, they are those that the collection has."""

from __future__ import annotations

import re

from ansible_collections.nix.fleet.plugins.plugin_utils.platforms.platform import platforms

from .collection import ROOT, documented_options

NAMES = {platform.name for platform in platforms().values()}


def test_the_platforms_are_the_same_wherever_they_are_listed() -> None:
    listed = {
        f"module {name}": documented_options(name)["platform"]["choices"]
        for name in ("nix_activate", "nix_gc", "nix_info", "nix_reboot")
    }
    nix = (ROOT / "inventory" / "lib" / "check.nix").read_text()
    listed["check.nix"] = re.findall('"(.+?)"', nix.partition("platforms = [")[2].partition("]")[0])
    assert len(listed) == 5
    # Other names of a platform may be taken as well, wherever they are turned into its own.
    different = {where: sorted(names) for where, names in listed.items() if not NAMES <= set(names) <= set(platforms())}
    assert different == {}


def test_every_other_name_of_a_platform_is_known_to_the_inventory() -> None:
    nix = (ROOT / "inventory" / "lib" / "check.nix").read_text()
    taken = dict(re.findall(r'given == "(.+?)" then\s+"(.+?)"', nix))
    assert taken == {name: platform.name for name, platform in platforms().items() if name != platform.name}
