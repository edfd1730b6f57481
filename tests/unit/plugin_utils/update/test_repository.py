# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which names can be those of branches, which Git itself is asked."""

from __future__ import annotations

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import GitError
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.machine import Controller
from ansible_collections.nix.fleet.plugins.plugin_utils.update.repository import Repository

GOOD = [
    "nixos-tested-web",
    "tested/web.example.org",
    "a@b",
    "ü",
    "a;reboot",
    "a$(id)",
    "a'b",
]
BAD = [
    "",
    "-web",
    ".web",
    "/web",
    "web/",
    "web.",
    "web.lock",
    "a.lock/b",
    "a..b",
    "a//b",
    "a/.b",
    "a b",
    "a~b",
    "a^b",
    "a:b",
    "a?b",
    "a*b",
    "a[b",
    "a\\b",
    "a@{b",
    "a\nb",
    "a\x7fb",
    "a\tb",
    "a\0b",
    "a\ud800b",
    "@{-1}",
    "refs/heads/main",
]
REPOSITORY = Repository(Controller(), "/nonexistent")


@pytest.mark.parametrize("name", GOOD)
def test_a_name_that_git_takes_is_taken(name: str) -> None:
    REPOSITORY.refuse_branch(name)


@pytest.mark.parametrize("name", BAD)
def test_a_name_that_is_none_of_a_branch_is_refused_for_its_host(name: str) -> None:
    with pytest.raises(GitError) as refused:
        REPOSITORY.refuse_branch(name, host="web")
    assert refused.value.host == "web"
