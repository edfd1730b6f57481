# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others wrote is printed and not obeyed."""

from __future__ import annotations

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.core.text import harmless, harmless_line


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("plain text", "plain text"),
        ("größe 名前 🙂", "größe 名前 🙂"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b[31;1merror:\x1b[0m no", "error: no"),
        ("10%\r20%\r\ndone", "10%\n20%\ndone"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b2J", "\\x9b2J"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("nul\0", "nul\\x00"),
        ("half \ud83d", "half \\ud83d"),
        (b"no text: \xff".decode(errors="surrogateescape"), "no text: \\xff"),
        ("10\u00a0000", "10\u00a0000"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_instead(text: str, printed: str) -> None:
    assert harmless(text) == printed


def test_what_is_to_be_one_line_is_one() -> None:
    assert harmless_line("vps-1\nvps-2  activated") == "vps-1 vps-2  activated"
