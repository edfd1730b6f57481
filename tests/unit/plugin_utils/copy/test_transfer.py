# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine that cannot serve or receive says why, and what it says beyond what it was asked counts for nothing.

Transfers themselves take two machines: tests/integration/copy.
"""

from __future__ import annotations

import shutil
import time
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.copy import transfer
from ansible_collections.nix.fleet.plugins.plugin_utils.copy.ssh import LocalLink
from ansible_collections.nix.fleet.plugins.plugin_utils.copy.transfer import (
    PeerError,
    PeerServer,
    Receiver,
    ReceiverError,
    Session,
    SessionError,
    receiving,
    served,
)

from .paths import BASE, LEFT, TOP

LINK = LocalLink("vps-1")
KEY = f"ssh-ed25519 {'A' * 68}"
SERVER = PeerServer("192.0.2.1", 26940, "root", KEY)


@pytest.fixture
def without_nix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with nothing but a shell."""
    for program in ("sh", "rm", "mktemp", "ssh", "ssh-keygen"):
        (tmp_path / program).symlink_to(shutil.which(program) or "/bin/false")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(transfer, "program", lambda name: "")


def receive() -> None:
    """Have our machine get ready to receive, and no more."""
    with receiving(LINK, "/socket", check_signatures=False):
        pass


@pytest.mark.usefixtures("without_nix")
def test_who_cannot_receive_says_why() -> None:
    with pytest.raises(ReceiverError, match="there is no nix on PATH"):
        receive()


@pytest.mark.usefixtures("without_nix")
def test_who_cannot_serve_says_why() -> None:
    with (
        pytest.raises(PeerError, match="vps-1 cannot serve: there is no nix-store on PATH"),
        served(LINK, [BASE], address="192.0.2.1", port=26940, to=KEY, seconds=5),
    ):
        pass


def answering(monkeypatch: pytest.MonkeyPatch, *answers: str) -> AbstractContextManager[Receiver]:
    """Return a receiving machine that answers each order so, whatever it is."""
    lines = "".join(f"    echo '{answer}'\n" for answer in answers)
    script = (
        f"echo 'Welcome!'\necho 'key {KEY}'\n"
        f'while read -r word _; do\n  if [ "$word" = fetch ]; then\n{lines}    :\n  fi\ndone\n'
    )
    monkeypatch.setattr(transfer, "calling", lambda *_names: script)
    return receiving(LINK, "/socket", check_signatures=False)


def test_what_has_arrived_is_told_with_what_went_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(monkeypatch, "fetched", f"got {BASE.path}", "end it broke off") as receiver:
        receiver.fetch(SERVER, [BASE, LEFT], 10)
        received = receiver.add([BASE, LEFT])
    assert (received.paths, received.wrong) == ((BASE.path,), "it broke off")


def test_paths_that_nobody_asked_for_have_not_arrived(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(monkeypatch, "fetched", f"got {TOP.path}", "got /etc/passwd", "end") as receiver:
        receiver.fetch(SERVER, [BASE], 10)
        assert receiver.add([BASE]).paths == ()


def test_a_key_that_is_none_is_not_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "calling", lambda *_names: "echo 'key ssh-rsa AAAA; reboot'; cat >/dev/null")
    with pytest.raises(ReceiverError, match="does not say its key"):
        receive()


@pytest.mark.parametrize(("login", "key"), [("root", "ssh-rsa AAAA; reboot"), ("-oProxyCommand=reboot", KEY)])
def test_a_server_is_asked_only_by_a_plain_login_and_key(monkeypatch: pytest.MonkeyPatch, login: str, key: str) -> None:
    answer = f"echo 'login {login}'; echo 'key {key}'; cat >/dev/null"
    monkeypatch.setattr(transfer, "calling", lambda *_names: answer)
    with (
        pytest.raises(PeerError, match="does not say where it serves"),
        served(LINK, [BASE], address="192.0.2.1", port=26940, to=KEY, seconds=5),
    ):
        pass


# A script may have quotes, and what a shell would make something of.
ECHO = """\
# It's a script: "$1" and 'nix.fleet' \\
while read -r line; do printf '%s %s\\n' "$1" "$line"; done
echo over >"$2"
"""


def soon() -> float:
    return time.monotonic() + 10


def test_each_line_is_answered_as_it_comes(tmp_path: Path) -> None:
    with Session(LINK, ECHO, "you said", str(tmp_path / "over")) as echo:
        echo.write_lines(["one", "it's $two"])
        assert [echo.read_line(soon()), echo.read_line(soon())] == ["you said one", "you said it's $two"]
        echo.write_lines(["three"])
        assert echo.read_line(soon()) == "you said three"


def test_the_script_comes_to_its_own_end_with_the_block(tmp_path: Path) -> None:
    with Session(LINK, ECHO, "", str(tmp_path / "over")) as echo:
        echo.write_lines(["one"])
    assert (tmp_path / "over").read_text() == "over\n"


def test_who_says_nothing_is_not_waited_for() -> None:
    with (
        Session(LINK, "read -r line\n") as silent,
        pytest.raises(SessionError, match="there is no answer"),
    ):
        silent.read_line(time.monotonic() + 0.1)


def test_an_end_is_told_from_silence() -> None:
    with Session(LINK, "echo last\n") as short:
        assert short.read_line(soon()) == "last"
        with pytest.raises(SessionError, match="the session has ended"):
            short.read_line(soon())
