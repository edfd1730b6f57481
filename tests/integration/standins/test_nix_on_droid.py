# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in for a phone's generation activates as nix-on-droid's own do."""

from __future__ import annotations

from .conftest import Machine

PROFILE = "/nix/var/nix/profiles/nix-on-droid"


def activated(phone: Machine, generation: str, variables: str = "") -> int:
    return phone.user(f". ~/.profile; {variables} {generation}/activate").rc


def test_a_generation_called_through_its_link_is_gone_back_to(phone: Machine) -> None:
    first = phone.system()
    activated(phone, first)
    number = phone.says(f"readlink {PROFILE}").rsplit("-", 2)[1]
    activated(phone, phone.system('{ environment.etc.new.text = "x"; }'))
    assert activated(phone, f"{PROFILE}-{number}-link") == 0
    assert phone.says(f"readlink -f {PROFILE}; test ! -e /etc/new") == first


def test_a_step_that_fails_leaves_the_profile_where_it_was(phone: Machine) -> None:
    activated(phone, phone.system())
    before = phone.says(f"readlink {PROFILE}")
    assert activated(phone, phone.system('{ build.activation.bad = "false"; }')) == 1
    assert phone.says(f"readlink {PROFILE}") == before


def test_a_file_that_is_not_its_own_stays_as_it_is(phone: Machine) -> None:
    phone.user("rm -f /etc/own; echo mine > /etc/own")
    generation = phone.system('{ environment.etc.own.text = "managed"; }')
    outcome = phone.user(f". ~/.profile; {generation}/activate && cat /etc/own; rm /etc/own")
    assert outcome.rc == 0, outcome.said
    assert "mine" in outcome.said.splitlines(), outcome.said
    assert "Linking of /etc/own failed. Please remove this file." in outcome.said
