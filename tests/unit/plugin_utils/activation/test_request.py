# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no machine should be asked is refused on the controller, and what is asked arrives as it was meant."""

from __future__ import annotations

import json
import shlex
import subprocess
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.request import Origin, Request, begin_script
from ansible_collections.nix.fleet.plugins.plugin_utils.platforms.platform import platforms
from ansible_collections.nix.fleet.plugins.plugin_utils.run_state.job import Job
from ansible_collections.nix.fleet.plugins.plugin_utils.target.programs import program

from ...errors import fails_with

CLOSURE = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-nixos-system-vps-25.11"


def request(platform: str = "nixos", **fields: t.Any) -> Request:
    given = {"id": "1", "platform": platforms()[platform], "origin": Origin("alice", "laptop"), **fields}
    if "rollback" not in given:
        given.setdefault("closure", CLOSURE)
    return Request(**given)


@pytest.mark.parametrize(
    ("platform", "fields", "words"),
    [
        ("darwin", {"goal": "boot"}, "darwin has no goal boot; it has switch, dry-activate"),
        ("nix-on-droid", {"goal": "test"}, "no goal test"),
        ("nixos", {"closure": "/etc/passwd"}, "not a store path"),
        ("nixos", {"closure": f"{CLOSURE}/bin"}, "not a store path"),
        ("nixos", {"closure": f"{CLOSURE}\n/nix"}, "not a store path"),
        ("nixos", {"closure": None}, "one of closure and rollback"),
        ("nixos", {"closure": CLOSURE, "rollback": "previous"}, "one of closure and rollback"),
        ("nixos", {"rollback": "0"}, "none of 'previous', 'last', the number"),
        ("nixos", {"rollback": "7; reboot"}, "none of 'previous', 'last', the number"),
        ("nixos", {"rollback": "before:"}, "none of 'previous', 'last', the number"),
        ("nixos", {"rollback": "before:x\n"}, "none of 'previous', 'last', the number"),
        ("nixos", {"rollback": "before:$(reboot)"}, "none of 'previous', 'last', the number"),
        ("nixos", {"profile": "/a\tb"}, "not an absolute path"),
        ("nixos", {"profile": "system"}, "not an absolute path"),
        ("nixos", {"profile": "/a\n/b"}, "not an absolute path"),
        ("nixos", {"profile": "/"}, "not an absolute path"),
        ("nixos", {"program": "bin/activate"}, "leave the option activate out"),
        ("nixos", {"specialisation": "../../etc"}, "not a name"),
        ("darwin", {"specialisation": "travel"}, "no specialisations"),
        ("darwin", {"install_bootloader": True}, "no boot loader"),
        ("nixos", {"activation_timeout": 0}, "not a number of seconds"),
        ("nixos", {"activation_timeout": 86_401}, "not a number of seconds"),
        # More than the target's shell can count to.
        ("nixos", {"confirm_timeout": 1 << 64}, "not a number of seconds"),
        ("nixos", {"nix_options": {"a = b\nc": "1"}}, "nix_options: "),
        ("nixos", {"nix_options": {"cores": "1\nbuilders = x"}}, "nix_options: "),
        ("home-manager", {"backup_extension": "/../x"}, "not the end of a file name"),
        ("custom", {"profile": "/p"}, "needs the option activate"),
        ("custom", {"program": "activate"}, "nix_profile"),
        ("custom", {"profile": "/p", "program": "../activate"}, "not the path of a program"),
        ("custom", {"profile": "/p", "program": "/bin/sh"}, "not the path of a program"),
    ],
)
def test_nonsense_is_refused_with_a_reason(platform: str, fields: dict[str, t.Any], words: str) -> None:
    with fails_with("activation.bad_option") as raised:
        request(platform, **fields)
    assert words in raised.value.cause
    assert raised.value.details["outcome"] == "refused"


@pytest.mark.parametrize("profile", ["/nix/var/nix/profiles/with space", "/p/$(touch x)", "/p/'\"", "~/profiles/ünï"])
def test_a_profile_may_have_any_name(profile: str) -> None:
    assert f"profile={profile}" in request("custom", profile=profile, program="bin/activate").arguments()


def test_every_value_reaches_the_machine_as_it_is() -> None:
    hostile = Origin("a'b", "c$(touch x)", description='`id` \\ "$HOME" ünï\n\x1b[2J;reboot\r')
    asked = request(origin=hostile, nix_options={"substituters": ["https://a", "https://b"], "fallback": True})
    script = "\n".join(
        [
            program("question", asked.platform),
            shlex.join(["request_read", *asked.arguments()]),
            shlex.join(["request_use_settings", asked.settings]),
            'printf "%s\\n" "$entry" "$who" "$NIX_CONFIG"',
        ]
    )
    lines = subprocess.run(["sh", "-s"], input=script, capture_output=True, text=True, check=True).stdout.splitlines()
    assert json.loads(lines[0])["description"] == '`id` \\ "$HOME" ünï  [2J;reboot '
    assert lines[1:] == ["a'b@c$(touch x)", "substituters = https://a https://b", "fallback = true"]


def test_the_journal_names_the_job_and_its_commit_and_whoever_finds_the_lock_taken_is_told_the_job() -> None:
    job = Job("AWX job 17", "alice", "4f1c0de", "https://awx.example/#/jobs/17")
    asked = dict(word.split("=", 1) for word in request(origin=Origin("alice", "vm", job=job)).arguments())
    entry = json.loads(asked["entry"])
    assert entry["user"] == "alice"
    assert entry["job"] == {"name": "AWX job 17", "commit": "4f1c0de", "url": "https://awx.example/#/jobs/17"}
    assert asked["who"] == "alice@vm, AWX job 17"
    assert json.loads(dict(word.split("=", 1) for word in request().arguments())["entry"])["job"] is None


def test_a_line_of_the_journal_has_a_bounded_length() -> None:
    asked = request(origin=Origin("a" * 10_000, "b" * 10_000, description="c" * 10_000, revision="d" * 10_000))
    assert len(max(asked.arguments(), key=len)) < 4000


def test_the_platforms_functions_take_the_place_of_the_general_ones() -> None:
    script = begin_script(request("home-manager"))
    assert script.index("current-home") > script.index("this platform has no dry run")
