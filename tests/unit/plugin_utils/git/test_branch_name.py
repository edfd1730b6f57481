# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Git itself and we agree on which names are those of branches."""

from __future__ import annotations

import subprocess

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.errors import GitError
from ansible_collections.nix.fleet.plugins.plugin_utils.git.branch_name import objection, refuse_unusable

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
]


def git_takes(name: str) -> bool:
    done = subprocess.run(["git", "check-ref-format", "--branch", name], capture_output=True, check=False)
    return done.returncode == 0


@pytest.mark.parametrize("name", GOOD)
def test_a_name_that_git_takes_is_taken(name: str) -> None:
    assert objection(name) is None
    assert git_takes(name)


@pytest.mark.parametrize("name", BAD)
def test_a_name_that_git_does_not_take_is_refused_with_what_is_wrong_with_it(name: str) -> None:
    assert not git_takes(name)
    with pytest.raises(GitError, match="cannot be the name of a branch: it has") as refused:
        refuse_unusable(name, "web")
    assert refused.value.host == "web"


@pytest.mark.parametrize("name", ["refs/heads/main", "refs/tags/v1"])
def test_the_whole_name_of_a_reference_is_refused_where_git_would_take_it_for_a_branchs(name: str) -> None:
    assert git_takes(name)
    assert objection(name) == "refs/ at its beginning, which is not part of a branch's name"


@pytest.mark.parametrize("name", ["a\0b", "a" * 300, "a\ud800b"])
def test_a_name_that_no_command_or_file_can_have_is_refused(name: str) -> None:
    assert objection(name)
