# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A script is talked to while it runs, is not waited for when it is silent, and ends with its input."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.copy.conversation import Conversation, ConversationError
from ansible_collections.nix.fleet.plugins.plugin_utils.copy.local_link import LocalLink

LINK = LocalLink("vps-1")
# A script may have quotes, and what a shell would make something of.
ECHO = """\
# It's a script: "$1" and 'nix.fleet' \\
while read -r line; do printf '%s %s\\n' "$1" "$line"; done
echo over >"$2"
"""


def soon() -> float:
    return time.monotonic() + 10


def test_each_line_is_answered_as_it_comes(tmp_path: Path) -> None:
    with Conversation(LINK, ECHO, ["you said", str(tmp_path / "over")]) as echo:
        echo.say(["one", "it's $two"])
        assert [echo.hear(soon()), echo.hear(soon())] == ["you said one", "you said it's $two"]
        echo.say(["three"])
        assert echo.hear(soon()) == "you said three"


def test_the_script_comes_to_its_own_end_with_the_block(tmp_path: Path) -> None:
    with Conversation(LINK, ECHO, ["", str(tmp_path / "over")]) as echo:
        echo.say(["one"])
    assert (tmp_path / "over").read_text() == "over\n"


def test_who_says_nothing_is_not_waited_for() -> None:
    with (
        Conversation(LINK, "read -r line\n", []) as silent,
        pytest.raises(ConversationError, match="there is no answer"),
    ):
        silent.hear(time.monotonic() + 0.1)


def test_an_end_is_told_from_silence() -> None:
    with Conversation(LINK, "echo last\n", []) as short:
        assert short.hear(soon()) == "last"
        with pytest.raises(ConversationError, match="the session has ended"):
            short.hear(soon())


def test_a_line_without_end_comes_in_pieces() -> None:
    with Conversation(LINK, "head -c 100000 /dev/zero | tr '\\\\0' x; cat >/dev/null\n", []) as endless:
        assert len(endless.hear(soon())) < 5000
