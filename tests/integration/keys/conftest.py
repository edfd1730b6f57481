# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every test gets a project of its own, and secrets that nobody has seen."""

from __future__ import annotations

import dataclasses
import json
import secrets
import typing as t

import pytest

from ..fleet.conftest import fleet, project
from ..fleet.project import Project, Run

__all__ = ["fleet", "project"]


@dataclasses.dataclass(frozen=True)
class Keys:
    """Tasks that bring keys, in a project, and what they answered."""

    project: Project

    def bring(self, hosts: str, *keys: dict[str, t.Any], flags: tuple[str, ...] = (), **options: t.Any) -> Run:
        """Bring keys to hosts by the module; what it says of each host is kept."""
        task = {"nix.fleet.nix_keys": {"keys": list(keys), **options}, "register": "answer", "ignore_errors": True}
        keep = {
            "ansible.builtin.copy": {
                "content": "{{ answer | to_json }}",
                "dest": str(self.project.root / "answer-{{ inventory_hostname }}.json"),
                "mode": "0600",
            },
            "delegate_to": "localhost",
            "check_mode": False,
            "diff": False,
            "vars": {"ansible_connection": "local", "ansible_become": False},
        }
        play = {"hosts": hosts, "gather_facts": False, "tasks": [task, keep]}
        (self.project.root / "keys.yml").write_text(json.dumps([play]))
        return self.project.run("keys.yml", *flags)

    def answer(self, host: str) -> dict[str, t.Any]:
        """Return the result of the module for a host."""
        answer: dict[str, t.Any] = json.loads((self.project.root / f"answer-{host}.json").read_text())
        return answer

    def changes(self, host: str) -> dict[str, list[str]]:
        """Return what changed on a host, by the name of the key."""
        answer = self.answer(host)
        assert not answer.get("failed"), answer
        return {file["name"]: file["changes"] for file in answer["files"]}


@pytest.fixture
def keys(project: Project) -> Keys:
    """Return a project that brings keys."""
    return Keys(project)


@pytest.fixture
def secret() -> str:
    """Return a secret."""
    return f"secret-{secrets.token_hex(16)}"


@pytest.fixture
def name() -> str:
    """Return the name of a key that no host has."""
    return f"key-{secrets.token_hex(4)}"
