# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remote builders: how they are written down and named, and how they are, by what they and ssh say."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import typing as t
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.build.builders import (
    Builder,
    builder_at,
    builder_of,
    check,
    expanded,
    own_builders,
    parse,
    validate_builder_name,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.core.process import Completed
from ansible_collections.nix.fleet.plugins.plugin_utils.target.programs import program

from ...errors import fails_with

HOMELAB = {"ansible_host": "192.0.2.2", "ansible_user": "root", "nix_system": "x86_64-linux"}


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
    validate_builder_name(name, {"homelab"})


def test_any_other_word_is_no_machine() -> None:
    with fails_with("build.unknown_builder") as raised:
        validate_builder_name("homelb", {"homelab"})
    assert "ssh-ng://homelb" in str(raised.value.advice)


A, B = Builder("ssh-ng://a"), Builder("ssh-ng://b")
SECONDS = 1

# Stands for builders: what is in their URL they are.
NIX = r"""#!/bin/sh
for url; do :; done
echo "$NIX_SSHOPTS" >>"$ASKED/options"
echo "$url" >>"$ASKED/urls"
case $url in
  *up*) echo '{"trusted":true,"url":"'"$url"'","version":"2.31.2"}' ;;
  *old*) echo '{"url":"'"$url"'"}' ;;
  *hangs*) echo $$ >"$ASKED/hanging"; exec sleep 60 ;;
  *closed*) echo "ssh: connect to host x port 22: Connection refused" >&2; echo "error: failed to start SSH connection to 'x'" >&2; exit 1 ;;
  *denied*) echo "x: Permission denied (publickey)." >&2; echo "error: failed to start SSH connection to 'x'" >&2; exit 1 ;;
  *chatty*) echo "welcome" ;;
  *show*|builders) cat "$ASKED/setting" ;;
esac
"""


class Here:
    """A shell on this machine, with a Nix that knows builders of all kinds."""

    host = "here"

    def __init__(self, directory: Path, interpreter: str = "sh") -> None:
        self.directory = directory
        self.interpreter = interpreter.split()
        (directory / "nix").write_text(NIX)
        (directory / "nix").chmod(0o755)

    def run(self, script: str, *arguments: str) -> Completed:
        environment = {**os.environ, "PATH": f"{self.directory}:{os.environ['PATH']}", "ASKED": str(self.directory)}
        done = subprocess.run(
            [*self.interpreter, "-s", "--", *arguments],
            input=f"{program('shell')}\n({script}\n) </dev/null",
            env={**environment, "NIX_SSHOPTS": "-p 2222", "TMPDIR": str(self.directory)},
            capture_output=True,
            text=True,
            check=False,
        )
        return Completed(tuple(arguments), done.returncode, done.stdout, done.stderr)


@pytest.fixture
def here(tmp_path: Path) -> Here:
    return Here(tmp_path)


def causes(here: Here, *stores: str) -> dict[str, str | None]:
    found = check(here, [builder_of(store) for store in stores], SECONDS)
    return {each.builder.store: each.cause for each in found}


def is_running(process: str) -> bool:
    with contextlib.suppress(OSError):
        return bool(Path(f"/proc/{process}/cmdline").read_bytes())
    return False


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
def test_each_builder_is_told_from_the_others(tmp_path: Path, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    here = Here(tmp_path, "busybox sh" if shell == "busybox" else shell)
    assert causes(here, "ssh://up", "ssh://closed", "ssh://hangs", "ssh://old", "ssh://chatty") == {
        "ssh://up": None,
        "ssh://closed": "ssh: connect to host x port 22: Connection refused",
        "ssh://hangs": "it has not answered within 1 s",
        "ssh://old": None,
        "ssh://chatty": "it answers, and not as a Nix store does",
    }
    assert not is_running((here.directory / "hanging").read_text().strip())
    assert sorted(path.name for path in here.directory.iterdir()) == ["hanging", "nix", "options", "urls"]


def test_ssh_is_to_ask_nobody_and_to_end_in_time_after_what_the_user_says(here: Here) -> None:
    causes(here, "ssh://up")
    options = (here.directory / "options").read_text()
    assert options == "-p 2222 -o BatchMode=yes -o ConnectTimeout=1\n"


def test_nobody_is_asked_where_there_are_no_builders(here: Here) -> None:
    assert check(here, [], SECONDS) == []
    assert not (here.directory / "urls").exists()


@pytest.mark.parametrize(("own", "cause"), [("own\n", "x: Permission denied (publickey)."), ("", None)])
def test_a_refused_login_counts_only_where_it_is_that_of_who_builds(own: str, cause: str | None) -> None:
    text = (
        f"{own}1 ended 1\n1 err x: Permission denied (publickey).\n1 err error: failed to start SSH connection to 'x'\n"
    )
    (health,) = parse(text, [A], 5)
    assert health.cause == cause


def test_of_a_builder_that_is_left_out_there_is_a_warning(here: Here) -> None:
    up, down = check(here, [builder_of("ssh://up"), builder_of("ssh://me:hunter2@closed")], SECONDS)
    assert up.warning is None
    assert down.warning == (
        "the builder ssh://me:***@closed is left out: ssh: connect to host x port 22: Connection refused"
    )


@pytest.mark.parametrize("text", ["", "1 ended\n", "1 ended 0\n1 out [\n", "1 ended 0\n1 out 7\n", "nonsense\n" * 9])
def test_an_answer_without_sense_is_no_builder(text: str) -> None:
    assert [each.usable for each in parse(text, [A, B], 5)] == [False, False]


def test_the_settings_builders_are_those_of_its_files_too(here: Here) -> None:
    machines, more = here.directory / "machines", here.directory / "more machines"
    (here.directory / "setting").write_text(f"@{machines} ; ssh://c\n")
    machines.write_text(f"ssh://a x86_64-linux\n@{more}\n@/does/not/exist\n")
    more.write_text("ssh://b\nssh://c")
    assert [each.store for each in expanded(here, own_builders(here))] == ["ssh://c", "ssh://a", "ssh://b"]


def test_files_that_name_each_other_have_an_end(here: Here) -> None:
    machines = here.directory / "machines"
    machines.write_text(f"@{machines}\n")
    with fails_with("nix.endless_builders"):
        expanded(here, [f"@{machines}"])


def test_a_nix_that_does_not_say_its_setting_is_an_error(here: Here) -> None:
    (here.directory / "nix").write_text("#!/bin/sh\necho no such setting >&2\nexit 3\n")
    with fails_with("nix.no_setting") as caught:
        own_builders(here)
    assert caught.value.log == "no such setting"


def hostile() -> t.Iterator[str]:
    yield "ssh://$(touch pwned)"
    yield "ssh://'; touch pwned; '"
    yield "-oProxyCommand=touch\tpwned"


@pytest.mark.parametrize("store", hostile())
def test_nothing_in_an_address_reaches_a_shell(here: Here, store: str) -> None:
    check(here, [Builder(store)], SECONDS)
    assert (here.directory / "urls").read_text() == f"{Builder(store).url}\n"
    assert not list(here.directory.rglob("pwned"))
