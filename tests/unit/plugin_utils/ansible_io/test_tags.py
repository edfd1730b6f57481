# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tags the tasks of a play's roles have, whatever is written in their files."""

from __future__ import annotations

import types
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.ansible_io.tags import known_tags

if t.TYPE_CHECKING:
    from pathlib import Path


def write(role: Path, text: bytes) -> None:
    (role / "tasks").mkdir(parents=True)
    (role / "tasks/main.yml").write_bytes(text)


def found(role: Path, text: bytes) -> set[str]:
    """Return the tags of a play that compiles to nothing, and has a role with this file of tasks."""
    write(role, text)
    return set(known_tags(types.SimpleNamespace(roles=[types.SimpleNamespace(_role_path=role)], compile=list)))


@pytest.mark.parametrize(
    ("written", "tags"),
    [
        ("build", {"build"}),
        ("build, keys,", {"build", "keys"}),
        ("[build, 'keys,reboot', always]", {"build", "keys", "reboot"}),
        ("5", {"5"}),
        ("[5, build]", {"5", "build"}),
        ("", set()),
        ("1.5", set()),
        ("2026-01-31", set()),
        ("{build: keys}", set()),
        ("[[build], {keys: 1}, null, reboot]", {"reboot"}),
    ],
)
def test_tags_are_read_as_they_may_be_written_and_what_is_none_is_passed_over(
    tmp_path: Path, written: str, tags: set[str]
) -> None:
    other = "- debug:\n  tags: [other]\n"
    assert found(tmp_path, f"- block:\n  - debug:\n    tags: {written}\n{other}".encode()) == tags | {"other"}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"5",
        b"tags: [build]",
        b"- build\n- 5\n- null",
        b"- block: 5\n  rescue: {a: b}",
        b"- tags: [",
        b"- tags: \xff",
        b"- tags: 2026-13-45",
        b"- tags: !unknown build",
        b"- {? [a] : b}",
        b"- &itself\n  block: [*itself]",
        b"[" * 5000,
        b"$ANSIBLE_VAULT;1.1;AES256\n00",
    ],
)
def test_a_file_that_holds_no_tasks_has_no_tags_and_is_no_error_here(tmp_path: Path, text: bytes) -> None:
    assert found(tmp_path, text) == set()


@pytest.mark.parametrize("verb", ["include_role", "ansible.builtin.import_role"])
def test_the_tags_of_a_role_beside_it_that_a_role_includes_are_known(tmp_path: Path, verb: str) -> None:
    write(tmp_path / "reboots", b"- debug:\n  tags: [reboot]\n- include_role: {name: nix.fleet.first}\n")
    assert found(tmp_path / "first", f"- block:\n  - {verb}:\n      name: nix.fleet.reboots".encode()) == {"reboot"}


@pytest.mark.parametrize("name", ["'{{ which }}'", "../first", "''", "'.'", "5", "null", "elsewhere", '"a\\0b"'])
def test_what_includes_no_role_that_is_there_is_passed_over(tmp_path: Path, name: str) -> None:
    assert found(tmp_path / "first", f"- include_role: {{name: {name}}}\n- debug:\n  tags: [a]\n".encode()) == {"a"}
