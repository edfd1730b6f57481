# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builders as Nix writes them down."""

from __future__ import annotations

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.build.builder import (
    builder_at,
    builder_of,
    entries,
    see_that_it_is_known,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import BuildError

HOMELAB = {"ansible_host": "192.0.2.2", "ansible_user": "root", "nix_system": "x86_64-linux"}


def test_a_setting_consists_of_lines_and_of_parts_between_semicolons() -> None:
    text = "ssh://a x86_64-linux ; @/etc/nix/machines\n# nobody\n\n  ssh-ng://b  # the second\n"
    assert entries(text) == ["ssh://a x86_64-linux", "@/etc/nix/machines", "ssh-ng://b"]


@pytest.mark.parametrize(
    ("line", "url"),
    [
        ("builder", "ssh://builder"),
        ("ssh-ng://root@builder x86_64-linux", "ssh-ng://root@builder"),
        ("ssh-ng://root@builder - - 8 1 kvm", "ssh-ng://root@builder"),
        ("ssh-ng://builder - /root/.ssh/a=b&c", "ssh-ng://builder?ssh-key=/root/.ssh/a%3Db%26c"),
        ("ssh://builder?compress=true - /key", "ssh://builder?compress=true&ssh-key=/key"),
        ("ssh://builder - - - - - - aG9zdA==", "ssh://builder?base64-ssh-public-host-key=aG9zdA%3D%3D"),
        ("unix:///run/other.sock - /key", "unix:///run/other.sock"),
    ],
)
def test_a_builder_is_asked_with_the_keys_that_nix_would_use(line: str, url: str) -> None:
    assert builder_of(line).url == url


def test_a_builder_is_named_without_its_password() -> None:
    assert builder_of("ssh://me:hunter2@builder").name == "ssh://me:***@builder"


@pytest.mark.parametrize(
    ("variables", "fields", "line"),
    [
        (HOMELAB, (), "ssh-ng://root@192.0.2.2 x86_64-linux"),
        (HOMELAB, ("-", "-", "8", "1", "kvm"), "ssh-ng://root@192.0.2.2 x86_64-linux - 8 1 kvm"),
        (HOMELAB, ("aarch64-linux", "/key"), "ssh-ng://root@192.0.2.2 aarch64-linux /key"),
        ({}, (), "ssh-ng://homelab"),
        ({"ansible_host": "2001:db8::2", "ansible_port": 2222}, (), "ssh-ng://[2001:db8::2]:2222"),
        ({"ansible_port": "22"}, (), "ssh-ng://homelab"),
        ({"ansible_ssh_private_key_file": "~/.ssh/fleet"}, (), "ssh-ng://homelab - ~/.ssh/fleet"),
        ({"ansible_ssh_private_key_file": "/my keys/fleet"}, (), "ssh-ng://homelab"),
    ],
)
def test_an_inventory_host_is_a_builder_by_its_variables(
    variables: dict[str, object], fields: tuple[str, ...], line: str
) -> None:
    assert builder_at(variables, "homelab", fields).line == line


@pytest.mark.parametrize(
    "name",
    ["homelab", "nix@192.0.2.9", "ssh-ng://builder", "unix:///run/other.sock", "@/etc/nix/machines", "/srv/store"],
)
def test_a_host_of_the_inventory_and_an_address_are_known(name: str) -> None:
    see_that_it_is_known(name, {"homelab"})


def test_any_other_word_is_no_machine() -> None:
    with pytest.raises(BuildError, match="the builder homelb is neither in the inventory nor an address") as raised:
        see_that_it_is_known("homelb", {"homelab"})
    assert "ssh-ng://homelb" in str(raised.value.advice)
