# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text of an inventory that looks like a template is text, wherever a playbook uses it."""

from __future__ import annotations

import json
import os
import subprocess
import typing as t
from pathlib import Path

import pytest

PLAY = """
- hosts: vps-1
  connection: local
  gather_facts: false
  vars:
    by_name: "{{ note }}"
    within: "<{{ note }}>"
    again: "{{ by_name }}{{ within }}"
  tasks:
    - ansible.builtin.debug: {msg: "{{ again }} {{ nix_node.note }} {{ nix_attr }} {{ hostvars['vps-1'].note }}"}
    - ansible.builtin.raw: printf '%s' {{ note | quote }}
      register: answer
    - ansible.builtin.debug: {msg: "{{ answer.stdout }}"}
    - ansible.builtin.copy: {content: "{{ again }}{{ answer.stdout }}", dest: "{{ playbook_dir }}/written"}
      delegate_to: localhost
"""


@pytest.mark.parametrize("mark", ["{{{{ {} }}}}", "{{% set x = {} %}}", "#jinja2:variable_start_string:'[%'\n[% {} %]"])
def test_a_template_in_a_field_is_never_one(tmp_path: Path, mark: str) -> None:
    canary = tmp_path / "canary"
    note = mark.format(f"lookup('pipe', 'touch {canary}')")
    node = {"ips": ["192.0.2.1"], "note": note, "configuration": note.replace("\n", " ")}
    files: dict[str, t.Any] = {
        "fleet.nix.yml": "plugin: nix.fleet.nix_inventory\nflake: /srv/fleet\n",
        "nodes.json": json.dumps({"vps-1": node}),
        "play.yml": PLAY,
        "ansible.cfg": "",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        ["ansible-playbook", "-i", "fleet.nix.yml", "play.yml"],
        cwd=tmp_path,
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"),
            "ANSIBLE_INVENTORY_ENABLED": "nix.fleet.nix_inventory",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "written").read_text() == f"{note}<{note}>{note}"
    assert not canary.exists()
