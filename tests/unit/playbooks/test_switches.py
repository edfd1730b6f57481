# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A switch that is given as a word, as `-e NAME=false` gives it, is what the word says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible.parsing.dataloader import DataLoader

from ..playbook import ROOT, run_playbook

ROLES = sorted(path.parents[1] for path in ROOT.glob("roles/*/meta/argument_specs.yml"))
# What a template does with a switch that is a condition of its own, and not an option that a module reads.
CONDITION = r"(?:\bif|\bnot|\band|\bor|when:) (?:not )?{}\b(?! *\| *(?:default\(\w+\) *\| *)?bool)"


PLAY = """- hosts: localhost
  gather_facts: false
  vars_files: [{role}/defaults/main.yml, {role}/vars/main.yml]
  tasks:
    - ansible.builtin.debug: {{msg: "confirmed: {{{{ _deploy_confirmation }}}}"}}
"""


@pytest.mark.parametrize(("word", "expected"), [("false", "never"), ("yes", "now")])
def test_a_deployment_is_confirmed_or_not(word: str, expected: str, tmp_path: Path) -> None:
    play = tmp_path / "play.yml"
    play.write_text(PLAY.format(role=ROOT / "roles/deploy"))
    done = run_playbook("-i", "localhost,", "-c", "local", play, "-e", f"deploy_confirm={word}", cwd=tmp_path)
    assert f"confirmed: {expected}" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_no_word_counts_as_true_for_being_one(role: Path) -> None:
    options = DataLoader().load_from_file(str(role / "meta/argument_specs.yml"))["argument_specs"]
    switches = {name for each in options.values() for name, spec in each["options"].items() if spec["type"] == "bool"}
    text = "\n".join(path.read_text() for part in ("tasks", "vars") for path in sorted((role / part).glob("*.yml")))
    assert not [switch for switch in switches if re.search(CONDITION.format(switch), text)]
