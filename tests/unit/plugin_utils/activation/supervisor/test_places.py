# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All scripts of a machine look for the lock in the same place, whatever an activation makes of the machine meanwhile."""

from __future__ import annotations

import typing as t

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.deployment import CONFIRMED, confirm
from ansible_collections.nix.fleet.plugins.plugin_utils.platforms.platform import platforms

from ..machine import SHELLS
from .home import Home
from .interrupting import awaiting
from .nixos import NixOS

if t.TYPE_CHECKING:
    import pathlib

SHELL = next(iter(SHELLS))


class Mac(NixOS):
    """A machine without /proc, on which /run is made by an activation."""

    def here(self, text: str) -> str:
        text = text.replace(" /run ]", " @root@/made-run ]").replace("/proc/self", "@root@/no-proc")
        return super().here(text)


def test_a_place_that_an_activation_makes_hides_no_lock(tmp_path: pathlib.Path) -> None:
    mac = Mac(tmp_path, SHELL, uid=0)
    mac.install(mac.system("nixos-old"))
    new = mac.system("nixos-new", trouble="mkdir @root@/made-run")
    request = awaiting(mac, new)
    assert confirm(mac, request.id, CONFIRMED, 60).outcome == "confirmed"
    assert mac.calls == ["test new", "boot new"]


def test_a_state_home_that_a_new_home_sets_hides_no_lock(tmp_path: pathlib.Path) -> None:
    user = Home(tmp_path, SHELL, uid=1000)
    user.install_homes(user.home_of("old"))
    request = awaiting(user, user.home_of("new"), platform=platforms()["home-manager"])
    user.environment["XDG_STATE_HOME"] = str(user.path("/elsewhere"))
    assert confirm(user, request.id, CONFIRMED, 60).outcome == "confirmed"
