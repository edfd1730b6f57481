# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine that cannot serve or receive says why, and what it says beyond what it was asked counts for nothing.

Transfers themselves take two machines: tests/integration/copy.
"""

from __future__ import annotations

import shutil
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.copy import transfer
from ansible_collections.nix.fleet.plugins.plugin_utils.copy.local_link import LocalLink
from ansible_collections.nix.fleet.plugins.plugin_utils.copy.transfer import (
    Offer,
    PeerError,
    Receiver,
    ReceiverError,
    receiving,
    served,
)

from .paths import BASE, LEFT, TOP

LINK = LocalLink("vps-1")
KEY = f"ssh-ed25519 {'A' * 68}"
OFFER = Offer("192.0.2.1", 26940, "root", KEY)


@pytest.fixture
def without_nix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with nothing but a shell."""
    for program in ("sh", "rm", "mktemp", "ssh", "ssh-keygen"):
        (tmp_path / program).symlink_to(shutil.which(program) or "/bin/false")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(transfer, "NIX_PATH", "")


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
    monkeypatch.setattr(transfer, "_script", lambda _name: script)
    return receiving(LINK, "/socket", check_signatures=False)


def test_what_has_arrived_is_told_with_what_went_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(monkeypatch, "fetched", f"got {BASE.path}", "end it broke off") as receiver:
        receiver.fetch(OFFER, [BASE, LEFT], 10)
        received = receiver.add([BASE, LEFT])
    assert (received.paths, received.wrong) == ((BASE.path,), "it broke off")


def test_paths_that_nobody_asked_for_have_not_arrived(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(monkeypatch, "fetched", f"got {TOP.path}", "got /etc/passwd", "end") as receiver:
        receiver.fetch(OFFER, [BASE], 10)
        assert receiver.add([BASE]).paths == ()


def test_a_key_that_is_none_is_not_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "_script", lambda _name: "echo 'key ssh-rsa AAAA; reboot'; cat >/dev/null")
    with pytest.raises(ReceiverError, match="does not say its key"):
        receive()
