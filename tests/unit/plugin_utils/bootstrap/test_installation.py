# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nixos-anywhere is told, held to its recorded command line."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import stat
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.action.nix_install import ActionModule
from ansible_collections.nix.fleet.plugins.plugin_utils.bootstrap import installation
from ansible_collections.nix.fleet.plugins.plugin_utils.bootstrap.installation import (
    Installation,
    Output,
    arguments,
    options_of_ssh,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import NixError

from ...errors import fails_with

RECORDED = json.loads((pathlib.Path(__file__).parents[3] / "cases/nixos-anywhere.json").read_text(encoding="utf-8"))
ATTR = "nixosConfigurations.web-3.config.system.build.toplevel"
EVERYTHING = Installation(
    flake="/etc/fleet",
    attr='nixosConfigurations."db.example".config.system.build.toplevel',
    address="192.0.2.13",
    user="ubuntu",
    port=2222,
    identity_file="/home/ops/my key",
    ssh_options=("ProxyJump=gate",),
    by_password=True,
    phases=("disko", "install"),
    hardware=("nixos-facter", "/etc/fleet/hosts/db/facter.json"),
    extra_files="/run/user/0/x",
    encryption_keys={"/tmp/disk.key": "/dev/shm/x/disk-key-0"},
)


@pytest.mark.parametrize("option", ["ProxyCommand=ssh -W %h:%p gate", "ServerAliveInterval 5", "ProxyCommand='nc'"])
def test_an_option_that_its_copy_would_take_for_several_is_refused_before(option: str) -> None:
    with pytest.raises(NixError) as refused:
        arguments(dataclasses.replace(EVERYTHING, ssh_options=("ProxyJump=gate", option)))
    assert option in refused.value.cause
    assert "~/.ssh/config" in (refused.value.advice or "")


def read(words: list[str]) -> dict[str, list[list[str]]]:
    """Read ``words`` as nixos-anywhere would: each option's values in their order; fails for what it does not know."""
    said: dict[str, list[list[str]]] = {}
    rest = iter(words)
    for word in rest:
        assert word in RECORDED["options"], f"{word} is not an option"
        values = [next(rest) for _value in range(RECORDED["options"][word])]
        if word in RECORDED["choices"]:
            assert values[0] in RECORDED["choices"][word]
        said.setdefault(word, []).append(values)
    return said


def test_what_there_is_to_say_is_said_in_options_that_it_has() -> None:
    said = read(arguments(EVERYTHING))
    assert said["--flake"] == [["/etc/fleet#db.example"]]
    assert said["--target-host"] == [["ubuntu@192.0.2.13"]]
    assert said["--phases"] == [["disko,install"]]
    assert said["-i"] == [["/home/ops/my key"]]
    assert len(said) == 10


def test_what_needs_no_saying_is_not_said() -> None:
    said = read(arguments(Installation("/etc/fleet", ATTR, "192.0.2.13")))
    assert said == {
        "--flake": [["/etc/fleet#web-3"]],
        "--phases": [["kexec,disko,install,reboot"]],
        "--target-host": [["192.0.2.13"]],
    }


def test_what_can_be_chosen_is_what_it_knows() -> None:
    assert list(installation.PHASES) == RECORDED["phases"]
    spec = ActionModule.argument_spec
    assert spec["hardware_config"]["options"]["backend"]["choices"] == RECORDED["choices"]["--generate-hardware-config"]


@pytest.mark.parametrize(
    "change",
    [
        {"attr": "packages.x86_64-linux.web"},
        {"attr": "colmenaHive.nodes.web.config.system.build.toplevel"},
        {"attr": 'nixosConfigurations."a#b".config.system.build.toplevel'},
        {"address": "-oProxyCommand=touch x"},
        {"address": "a b"},
        {"user": "$(id)"},
        {"phases": ()},
        {"phases": ("install", "disko")},
        {"encryption_keys": {"/tmp/$(id)": "/x"}},
    ],
)
def test_what_it_would_take_for_something_else_is_refused(change: dict[str, t.Any]) -> None:
    with pytest.raises(NixError):
        arguments(Installation(**{"flake": "/etc/fleet", "attr": ATTR, "address": "192.0.2.13", **change}))


def test_options_of_ssh_are_told_one_by_one() -> None:
    given = "-o ProxyCommand='nc %h %p' -oUser=x -J gate"
    assert options_of_ssh(given) == ("ProxyCommand=nc %h %p", "User=x", "ProxyJump=gate")
    with fails_with("installation.bad_ssh_option"):
        options_of_ssh("-F /etc/ssh/config")


def test_what_the_machine_is_given_is_for_nobody_else_and_gone_afterwards(tmp_path: pathlib.Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/motd").write_text("hello")
    with installation.directory_in_memory(allow_disk=False) as directory:
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        root = installation.packed(
            directory, str(tmp_path), {"ed25519": {"private": "secret", "public": "ssh-ed25519 AAAA"}}
        )
        assert root
        key = pathlib.Path(root, "etc/ssh/ssh_host_ed25519_key")
        assert (key.read_text(), stat.S_IMODE(key.stat().st_mode)) == ("secret\n", 0o600)
        assert pathlib.Path(root, "etc/motd").read_text() == "hello"
        unlocked = installation.unlocked(directory, {"/tmp/disk.key": "passphrase"})
        assert pathlib.Path(unlocked["/tmp/disk.key"]).read_bytes() == b"passphrase"
    assert not directory.exists()
    with pytest.raises(NixError), installation.directory_in_memory(allow_disk=True) as directory:
        installation.packed(directory, None, {"../x": {"private": "secret"}})


def test_secrets_come_to_a_disk_only_where_that_is_accepted(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text("/dev/sda1 / ext4 rw 0 0\n/dev/sda1 /dev/shm ext4 rw 0 0\n")
    monkeypatch.setattr(installation, "MOUNTS", mounts)
    # Its name alone does not put it in memory.
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with (
        fails_with("installation.not_in_memory"),
        installation.directory_in_memory(allow_disk=False),
    ):
        pass
    with installation.directory_in_memory(allow_disk=True) as directory:
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    mounts.write_text(f"/dev/sda1 / ext4 rw 0 0\ntmpfs {tmp_path} tmpfs rw 0 0\n")
    with installation.directory_in_memory(allow_disk=False) as directory:
        assert directory.parent == tmp_path
    mounts.unlink()  # as where there is no Linux
    with pytest.raises(NixError), installation.directory_in_memory(allow_disk=False):
        pass


@pytest.mark.parametrize("mask", [0o077, 0o000])
def test_the_new_machines_directories_are_open_whatever_the_umask(tmp_path: pathlib.Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        root = installation.packed(tmp_path, None, {"ed25519": {"private": "secret"}})
    finally:
        os.umask(before)
    assert root
    places = [pathlib.Path(root, place) for place in ("", "etc", "etc/ssh")]
    assert [stat.S_IMODE(place.stat().st_mode) for place in places] == [0o755] * 3


def test_files_without_a_secret_stay_where_they_are(tmp_path: pathlib.Path) -> None:
    assert installation.packed(tmp_path / "unused", str(tmp_path), {}) == str(tmp_path)
    with fails_with("installation.no_directory"):
        installation.packed(tmp_path, str(tmp_path / "nowhere"), {})


def test_files_may_go_to_another_root_than_the_machines_own(tmp_path: pathlib.Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files/motd").write_text("hello")
    key = {"ed25519": {"private": "secret"}}
    root = installation.packed(tmp_path, str(tmp_path / "files"), key, "/persist/system")
    assert root
    files = [str(path.relative_to(root)) for path in sorted(pathlib.Path(root).rglob("*")) if path.is_file()]
    assert files == ["persist/system/etc/ssh/ssh_host_ed25519_key", "persist/system/motd"]
    assert stat.S_IMODE(pathlib.Path(root, "persist").stat().st_mode) == 0o755
    with fails_with("installation.bad_path"):
        installation.packed(tmp_path, None, key, "../persist")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("### Uploading install SSH keys ###", "login_timeout"),
        ("machine will boot into nixos in 6s...", "return_timeout"),
        ("### Waiting for the machine to become unreachable due to reboot ###", "return_timeout"),
    ],
)
def test_what_has_no_end_has_a_limit_until_the_next_step(line: str, code: str) -> None:
    now = 0.0
    output = Output({"login_timeout": 10, "return_timeout": 20}, clock=lambda: now)
    output.read(line)
    now = 10.0 if code == "login_timeout" else 20.0
    output.look()
    now += 1
    with fails_with(f"installation.{code}"):
        output.look()
    output.read("### Gathering machine facts ###")
    output.look()
