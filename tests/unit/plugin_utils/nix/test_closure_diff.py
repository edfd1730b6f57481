# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person is shown when one closure takes another's place."""

from __future__ import annotations

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.nix.closure_diff import (
    ClosureDiff,
    closure_diff,
    package_name_and_version,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.store import StorePathInfo

MIB = 1024 * 1024


def path(name: str, nar_size: int = MIB, content: str = "0") -> StorePathInfo:
    return StorePathInfo(f"/nix/store/{content * 32}-{name}", nar_size)


def kinds(diff: ClosureDiff) -> dict[str, str]:
    return {change.name: change.kind for change in diff.packages}


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        (["ssh-9.8p1"], ["ssh-9.9p1"], "ssh: 9.8p1 → 9.9p1, +2.0 MiB"),
        ([], ["ssh-9.9p1"], "ssh: 9.9p1 added, +3.0 MiB"),
        (["ssh-9.8p1"], [], "ssh: 9.8p1 removed, -1.0 MiB"),
        ([], ["etc"], "etc: added, +3.0 MiB"),
    ],
)
def test_a_change_shows_old_and_new_version_and_the_size(before: list[str], after: list[str], line: str) -> None:
    diff = closure_diff([path(name) for name in before], [path(name, 3 * MIB, "1") for name in after])
    assert diff.text.splitlines()[0] == line


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("2.9", "2.10", "upgraded"),
        ("2.10", "2.9", "downgraded"),
        ("1.0pre2", "1.0", "upgraded"),
        ("1.0", "1.0.1", "upgraded"),
        ("3.12.4", "3.11.9", "downgraded"),
    ],
)
def test_versions_are_ordered_as_people_count_them(old: str, new: str, kind: str) -> None:
    assert kinds(closure_diff([path(f"p-{old}")], [path(f"p-{new}", content="1")])) == {"p": kind}


def test_configuration_that_was_rebuilt_is_named_and_not_a_package_change() -> None:
    diff = closure_diff([path("etc"), path("bash-5.2")], [path("etc", content="1"), path("bash-5.2")])
    assert not diff.packages
    assert diff.text.startswith("rebuilt: etc\n")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bash-5.2", ("bash", "5.2")),
        ("bash-interactive-5.2p37-man", ("bash-interactive", "5.2p37")),
        ("nixos-system-vps-sg-1-25.11.20261120.abcdef0", ("nixos-system", "25.11.20261120.abcdef0")),
        ("nixos-system-1-26.05pre-git", ("nixos-system", "26.05pre-git")),
        ("nixos-system-web-tagged", ("nixos-system-web-tagged", "")),
        ("python3.12-requests-2.32", ("python3.12-requests", "2.32")),
        ("etc", ("etc", "")),
        ("man", ("man", "")),
        ("-1", ("-1", "")),
        ("unit-sshd.service", ("unit-sshd.service", "")),
        ("7zip-24.08", ("7zip", "24.08")),
    ],
)
def test_name_ends_where_a_dash_comes_before_a_digit(name: str, expected: tuple[str, str]) -> None:
    assert package_name_and_version(name) == expected
