# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store that others fetch from: its address, and what it has of some paths."""

from __future__ import annotations

import dataclasses
import json
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.cache.store import Lack, lack, parse_store
from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import CacheError
from ansible_collections.nix.fleet.plugins.plugin_utils.core.process import Completed

from ...errors import fails_with


@pytest.mark.parametrize(
    "uri",
    [
        "ssh://homelab",
        "ssh-ng://root@[2001:db8::1]:2222?compress=true",
        "http://cache.example.org:8080/fleet",
        "https://cache.example.org?compression=zstd&parallel-compression=true",
        "s3://bucket?region=eu-west-1&endpoint=minio.example.org&scheme=http",
        "file:///srv/cache",
    ],
)
def test_an_address_is_handed_to_nix_as_it_is(uri: str) -> None:
    assert parse_store(uri).uri == uri


def test_only_the_old_ssh_protocol_takes_no_signatures_for_what_is_there() -> None:
    assert parse_store("ssh-ng://homelab").adds_signatures
    assert not parse_store("ssh://homelab").adds_signatures


@pytest.mark.parametrize(
    "uri",
    [
        "https://push:hunter2@cache.example.org",
        "ssh-ng://root:hunter2@homelab",
        "https://cache.example.org?secret-key=/etc/key",
        "s3://bucket?region=x&secret-keys=/a,/b",
        "https://cache.example.org --option x",
        "https://cache.example.org\n",
        "",
        "auto",
        "daemon",
        "--help",
        "/srv/cache",
        "http:cache.example.org",
        "unix:///run/nix.sock",
        "https://[::1",
        "http:///fleet",
        "s3://?region=x",
        "file://srv/cache",
    ],
)
def test_anything_else_is_refused_without_showing_a_password(uri: str) -> None:
    with fails_with("cache.bad_address") as caught:
        parse_store(uri)
    assert "hunter2" not in str(caught.value)


STORE = parse_store("https://cache.example.org")
A, B, C = (f"/nix/store/{letter * 32}-{letter}" for letter in "abc")


@dataclasses.dataclass
class Machine:
    """A machine whose Nix says the same to every question, and which keeps the questions."""

    rc: int = 0
    log: str = ""
    asked: list[list[str]] = dataclasses.field(default_factory=list)
    name: str = "the controller"

    def run(self, argv: t.Sequence[str], **_rest: t.Any) -> Completed:
        self.asked.append(list(argv))
        return Completed(tuple(argv), self.rc, "", self.log)

    def existing(self, paths: t.Sequence[str]) -> set[str]:
        return set(paths)


def coloured(text: str) -> str:
    """Return ``text`` as Nix writes it on terminals and in logs."""
    return text.replace("'/nix", "'\x1b[35;1m/nix").replace("error:", "\x1b[31;1merror:\x1b[0m")


def messages(*texts: str) -> str:
    """Return texts as Nix's log has them."""
    events = (
        {"action": "msg", "level": 0, "msg": coloured(text), "raw_msg": coloured(text.removeprefix("error: "))}
        for text in texts
    )
    return "\n".join(f"@nix {json.dumps(event)}" for event in events)


def test_a_store_that_has_everything_lacks_nothing() -> None:
    assert lack(STORE, [A, B], Machine()) == Lack()


def test_what_is_not_there_and_what_is_not_signed_is_told_apart() -> None:
    log = messages(
        "don't know how to build these paths:",
        f"  {B}",
        f"error: path '{B}' is not valid",
        f"path '{A}' is untrusted",
        f"error: path '{B}' is not valid",
    )
    assert lack(STORE, [A, B, C], Machine(6, log), public_key="k:x") == Lack((B,), (A,))


def test_signatures_are_asked_for_only_when_there_is_a_key() -> None:
    machine = Machine()
    lack(STORE, [A], machine)
    lack(STORE, [A], machine, public_key="cache-1:abc=")
    without, with_key = machine.asked
    assert "--no-trust" in without
    assert with_key[with_key.index("--sigs-needed") :][:5] == ["--sigs-needed", "1", "--option", "trusted-public-keys", "cache-1:abc="]  # fmt: skip


def test_a_closure_of_any_size_is_asked_for_in_commands_of_a_length_that_a_machine_takes() -> None:
    machine = Machine()
    paths = [f"/nix/store/{number:032d}-some-package-of-the-closure" for number in range(5000)]
    lack(STORE, paths, machine)
    assert [path for asked in machine.asked for path in asked[asked.index("--") + 1 :]] == paths
    assert max(sum(map(len, asked)) for asked in machine.asked) < 128 << 10


@pytest.mark.parametrize(
    ("said", "cause", "advice"),
    [
        ("unable to download 'https://cache.example.org/nix-cache-info': Could not resolve hostname (6)", "cannot be reached", "firewall"),
        ("unable to download 'https://cache.example.org/x': Could not connect to server (7)", "cannot be reached", "firewall"),
        ("unable to upload 'https://cache.example.org/x': HTTP error 403\n\n response body: <html>", "does not permit", "netrc-file"),
        ("unable to download 'https://cache.example.org/nix-cache-info': HTTP error 401", "does not permit", "netrc-file"),
        ("unable to upload 'https://cache.example.org/x': HTTP error 405", "nothing at that address that takes files", "PUT"),
        ("'https://cache.example.org' does not appear to be a binary cache", "no binary cache, and this user cannot make one", "netrc-file"),
        ("unable to upload 'https://cache.example.org/x': HTTP error 413", "files of that size", "client_max_body_size"),
        ("cannot add path '/nix/store/x' because it lacks a signature by a trusted key", "no key it trusts", "deploy_cache_key_file"),
        ("creating directory \"/srv/cache/nar\": Permission denied", "not this user", "become"),
        ("writing to file: No space left on device", "disk is full", "not sent a second time"),
        ("don't know how to open Nix store with scheme 's3'", "this Nix knows no store of that kind", "support"),
        ("something new", "something new", "run the command"),
    ],
)  # fmt: skip
def test_a_store_that_cannot_be_asked_says_why_and_what_to_do(said: str, cause: str, advice: str) -> None:
    with pytest.raises(CacheError) as caught:
        lack(STORE, [A], Machine(1, messages(f"error: {said}")))
    error = caught.value
    assert error.cause.startswith("https://cache.example.org, as seen from the controller: ")
    assert cause in error.cause
    assert advice in str(error.advice)
    assert "<html>" not in error.log
