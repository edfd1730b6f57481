# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing secrets to a machine, with the script that does it there, in every shell that there is here."""

from __future__ import annotations

import os
import pathlib
import stat
import subprocess
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import KeysError
from ansible_collections.nix.fleet.plugins.plugin_utils.files.engine import Answer, Request, parse_answer
from ansible_collections.nix.fleet.plugins.plugin_utils.files.keys import Key, keys_of, keys_script

from ..activation.machine import SHELLS

EVERY_BYTE = bytes(range(256)) * 20
NOBODY = 65534

as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")


class Target:
    """A directory for keys, and the shell that the script runs in."""

    def __init__(self, shell: list[str], directory: pathlib.Path) -> None:
        self.shell = shell
        self.directory = directory

    def bring(
        self,
        *keys: tuple[Key, bytes],
        check: bool = False,
        allow_disk: bool = True,
        setup: str = "",
        late_owner: bool = False,
    ) -> Answer:
        """Run the script, and return what it says."""
        request = Request(tuple(key for key, _content in keys))
        script = keys_script(
            request,
            {key: content for key, content in keys if not key.absent},
            check=check,
            allow_disk=allow_disk,
            late_owner=late_owner,
        )
        done = subprocess.run(
            [*self.shell, "-s"], input=f"{setup}\n{script}".encode(), capture_output=True, check=False
        )
        self.errors = done.stderr.decode()
        answer = parse_answer(done.stdout.decode(), request)
        assert bool(done.returncode) == bool(answer.cause), (done.returncode, answer, self.errors)
        return answer

    def key(self, name: str = "token", **fields: t.Any) -> Key:
        """Return a key of this directory."""
        return Key(name=name, directory=str(self.directory), **fields)

    def files(self) -> dict[str, bytes]:
        """Return what is in the directory."""
        return {path.name: path.read_bytes() for path in self.directory.iterdir() if path.is_file()}


@pytest.fixture(params=SHELLS)
def target(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Target:
    """Return a target whose directory is there."""
    (tmp_path / "keys").mkdir(mode=0o700)
    return Target(SHELLS[request.param], tmp_path / "keys")


def changes(answer: Answer) -> list[tuple[str, ...]]:
    """Return what changed of each file."""
    assert not answer.cause, answer
    return [file.changes for file in answer.files]


def test_a_key_holds_every_byte_that_it_was_given(target: Target) -> None:
    assert changes(target.bring((target.key(), EVERY_BYTE))) == [("created",)]
    assert target.files() == {"token": EVERY_BYTE}


def test_a_key_may_hold_nothing(target: Target) -> None:
    target.bring((target.key(), b""))
    assert target.files() == {"token": b""}


def test_another_content_is_a_change_and_so_is_another_mode(target: Target) -> None:
    target.bring((target.key("a"), b"old"), (target.key("b"), b"same"))
    answer = target.bring((target.key("a"), b"new"), (target.key("b", mode="0440"), b"same"))
    assert changes(answer) == [("content",), ("mode",)]
    assert stat.S_IMODE((target.directory / "b").stat().st_mode) == 0o440


def test_a_content_that_only_got_longer_or_shorter_is_a_change(target: Target) -> None:
    target.bring((target.key("a"), b"123"), (target.key("b"), b"123"))
    assert changes(target.bring((target.key("a"), b"1234"), (target.key("b"), b"12"))) == [("content",), ("content",)]


@as_root
def test_owner_and_group_are_set_and_their_drift_is_corrected(target: Target) -> None:
    key = target.key(owner="nobody", group=str(NOBODY))
    assert changes(target.bring((key, b"x"))) == [("created",)]
    os.chown(target.directory / "token", 0, 0)
    assert changes(target.bring((key, b"x"))) == [("owner", "group")]
    status = (target.directory / "token").stat()
    assert (status.st_uid, status.st_gid) == (NOBODY, NOBODY)


def test_an_owner_who_does_not_exist_is_named_and_nothing_is_written(target: Target) -> None:
    answer = target.bring((target.key(owner="no-such-user"), b"x"))
    assert answer.code == "no_user"
    assert target.files() == {}


def test_before_an_activation_a_key_whose_owner_it_makes_belongs_to_who_brings_it(target: Target) -> None:
    answer = target.bring((target.key(owner="no-such-user"), b"x"), late_owner=True)
    assert answer.late == (f"{target.directory}/token",)
    assert (target.directory / "token").stat().st_uid == os.getuid()


def test_the_new_file_is_another_one_so_that_who_has_the_old_one_open_sees_nothing(target: Target) -> None:
    target.bring((target.key(), b"old"))
    with (target.directory / "token").open("rb") as open_before:
        target.bring((target.key(), b"new"))
        assert open_before.read() == b"old"


def test_check_mode_says_the_same_and_writes_nothing(target: Target) -> None:
    target.bring((target.key("a"), b"old"), (target.key("gone"), b"x"))
    keys = ((target.key("a"), b"new"), (target.key("b"), b"x"), (target.key("gone", absent=True), b""))
    predicted = target.bring(*keys, check=True)
    assert target.files() == {"a": b"old", "gone": b"x"}
    assert target.bring(*keys).files == predicted.files
    assert changes(predicted) == [("content",), ("created",), ("removed",)]
    assert target.files() == {"a": b"new", "b": b"x"}


def test_an_absent_key_is_removed_once(target: Target) -> None:
    target.bring((target.key(), b"x"))
    assert changes(target.bring((target.key(absent=True), b""))) == [("removed",)]
    assert changes(target.bring((target.key(absent=True), b""))) == [()]


@pytest.mark.parametrize(
    "name", ["two words", "$(touch pwned)", "`touch pwned`", "'; touch pwned; '", "*", "Schlüssel"]
)
def test_a_name_is_nothing_but_a_name(target: Target, name: str) -> None:
    target.bring((target.key(name), b"x"))
    assert target.files() == {name: b"x"}


def test_a_link_in_the_place_of_a_key_is_replaced_and_not_followed(target: Target, tmp_path: pathlib.Path) -> None:
    (tmp_path / "other").write_text("mine")
    (tmp_path / "elsewhere").mkdir()
    (target.directory / "file").symlink_to(tmp_path / "other")
    (target.directory / "directory").symlink_to(tmp_path / "elsewhere")
    assert changes(target.bring((target.key("file"), b"x"), (target.key("directory"), b"x"))) == [("created",)] * 2
    assert target.files() == {"file": b"x", "directory": b"x"}
    assert (tmp_path / "other").read_text() == "mine"
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_pipe_in_the_place_of_a_key_is_replaced_and_not_read(target: Target) -> None:
    os.mkfifo(target.directory / "token")
    target.bring((target.key(), b"x"))
    assert target.files() == {"token": b"x"}


def test_a_directory_in_the_place_of_a_key_is_an_error(target: Target) -> None:
    (target.directory / "token").mkdir()
    assert target.bring((target.key(), b"x")).code == "is_directory"


def test_what_a_killed_run_left_behind_is_no_hindrance(target: Target) -> None:
    (target.directory / ".token.nix.fleet").write_text("half a sec")
    target.bring((target.key(), b"x"))
    assert target.files() == {"token": b"x"}


def test_a_directory_that_others_can_write_to_is_refused(target: Target) -> None:
    target.directory.chmod(0o1777)
    assert target.bring((target.key(), b"x")).code == "unsafe_path"
    assert target.files() == {}


@as_root
def test_a_directory_of_another_user_is_refused(target: Target) -> None:
    os.chown(target.directory, NOBODY, NOBODY)
    assert target.bring((target.key(), b"x")).code == "unsafe_path"


@as_root
def test_a_directory_within_one_of_another_user_is_refused(target: Target) -> None:
    os.chown(target.directory, NOBODY, NOBODY)
    inner = target.directory / "inner"
    inner.mkdir()
    answer = target.bring((Key(str(inner), "token"), b"x"))
    assert answer.code == "unsafe_path"
    assert list(inner.iterdir()) == []


@as_root
def test_a_link_of_another_user_on_the_way_is_refused(target: Target, tmp_path: pathlib.Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(target.directory)
    os.chown(link, NOBODY, NOBODY, follow_symlinks=False)
    assert target.bring((Key(str(link), "token"), b"x")).code == "unsafe_path"
    assert target.files() == {}


def test_a_disk_is_refused_before_anything_is_made_there(target: Target) -> None:
    target.directory.rmdir()
    answer = target.bring((target.key(), b"x"), allow_disk=False, setup="stat() { echo ext2/ext3; }; mount() { :; }")
    assert answer.code == "not_in_memory"
    assert not target.directory.exists()


@pytest.mark.parametrize("kind", ["tmpfs", "ramfs"])
def test_memory_is_known_by_the_kind_of_its_file_system(target: Target, kind: str) -> None:
    answer = target.bring((target.key(), b"x"), allow_disk=False, setup=f"stat() {{ echo {kind}; }}")
    assert changes(answer) == [("created",)]


def test_memory_is_known_where_stat_does_not_tell(target: Target) -> None:
    mounts = (
        'stat() { echo "-c"; return 1; }; df() { echo x; echo "tmpfs 1 1 1 1% /Volumes/memory"; };'
        'mount() { echo "tmpfs on /Volumes/memory (tmpfs, local)"; }'
    )
    assert changes(target.bring((target.key(), b"x"), allow_disk=False, setup=mounts)) == [("created",)]


def test_a_shell_without_its_own_printf_is_refused_before_it_sees_a_secret(target: Target) -> None:
    answer = target.bring((target.key(), b"x"), setup="command() { echo /usr/bin/printf; }")
    assert answer.code == "no_printf"


def test_a_full_file_system_leaves_the_old_key(target: Target) -> None:
    target.bring((target.key(), b"old"))
    answer = target.bring((target.key(), EVERY_BYTE), setup="ulimit -f 1; trap '' XFSZ")
    assert answer.code == "not_written"
    assert target.files() == {"token": b"old"}


OPTIONS = {"name": "token", "upload_at": "pre-activation", "state": "present"} | dict.fromkeys(
    ("directory", "owner", "group", "mode")
)


def key(name: str = "token", **fields: t.Any) -> Key:
    """Return what the options make."""
    (made,) = keys_of([{**OPTIONS, "name": name, **fields}])
    return made


def code_of(*entries: dict[str, t.Any]) -> str:
    """Return the code of the error that the options are."""
    with pytest.raises(KeysError) as raised:
        keys_of([{**OPTIONS, **entry} for entry in entries])
    return raised.value.code


@pytest.mark.parametrize(
    "name",
    ["", " ", ".", "..", ".hidden", "-rf", "a/b", "../a", "/etc/passwd", "two\nlines", "a\0b", "\x1b[2J", "x" * 201],
)
def test_a_name_that_is_no_plain_file_name_is_refused(name: str) -> None:
    assert code_of({"name": name}) == "keys.bad_name"


@pytest.mark.parametrize("mode", [0o400, 400, "400x", "4755", "888", "u=r", "", True])
def test_a_mode_that_is_no_quoted_octal_number_is_refused(mode: object) -> None:
    assert code_of({"mode": mode}) == "keys.bad_mode"


@pytest.mark.parametrize(("mode", "letters"), [(None, "-r--------"), ("0640", "-rw-r-----"), ("440", "-r--r-----")])
def test_a_mode_is_also_known_as_ls_writes_it(mode: str | None, letters: str) -> None:
    assert key(mode=mode).letters == letters


@pytest.mark.parametrize("owner", ["", "-x", "a b", "a:b", "$(id)", "a\n"])
def test_an_owner_that_is_no_account_is_refused(owner: str) -> None:
    assert code_of({"owner": owner}) == "keys.bad_owner"


@pytest.mark.parametrize("directory", ["", "/", "keys", "~/keys", "/run/../etc", "/run//keys", "/run/./keys", "/a\nb"])
def test_a_directory_that_does_not_say_where_it_is_is_refused(directory: str) -> None:
    assert code_of({"directory": directory}) == "keys.bad_directory"


def test_two_keys_of_one_name_are_refused_unless_their_directories_differ() -> None:
    keys_of([OPTIONS, {**OPTIONS, "directory": "/run/other"}])
    assert code_of({}, {"owner": "root"}) == "keys.duplicate"
