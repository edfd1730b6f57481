# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What cannot be written down at the end of a deployment confuses neither its controller nor the next one."""

from __future__ import annotations

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.deployment import deploy

from .nixos import NixOS, whole

# What takes the last place of a file on a full disk.
NO_OUTCOME = 'case $* in *"/outcome.new "*) exit 1 ;; esac; exec {mv} "$@"'


def test_a_deployment_that_cannot_write_its_end_is_known_to_the_journal(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new")
    nixos.replace_tool("mv", NO_OUTCOME)
    assert nixos.deploy(new).outcome == "activated"
    nixos.replace_tool("mv", 'exec {mv} "$@"')
    assert nixos.deploy(new).outcome == "unchanged"
    assert nixos.whole_as == whole(new)


def test_a_line_of_the_journal_that_was_cut_off_spoils_no_other(nixos: NixOS, old: str) -> None:
    first = nixos.request(nixos.system("nixos-new"))
    nixos.state.mkdir(parents=True)
    (nixos.state / "journal.jsonl").write_text('{"id":"earlier","run":"ni')
    deploy(nixos, first)
    lines = (nixos.state / "journal.jsonl").read_text().splitlines()
    assert (len(lines), lines[1].startswith(f'{{"id":"{first.id}"')) == (2, True)
