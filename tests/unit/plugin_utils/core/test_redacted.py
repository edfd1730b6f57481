# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of an address is a secret."""

from __future__ import annotations

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.core.text import redacted


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("git+https://hunter2@forge.example/fleet", "git+https://***@forge.example/fleet"),
        ("https://me:hunter2@forge.example/fleet", "https://me:***@forge.example/fleet"),
        ("ssh://git@forge.example/fleet", "ssh://git@forge.example/fleet"),
        (
            "see https://forge.example/a?private_token=hunter2&ref=x",
            "see https://forge.example/a?private_token=***&ref=x",
        ),
        ("https://forge.example/a@b", "https://forge.example/a@b"),
        ("https://github.com/a and mail me@b.example", "https://github.com/a and mail me@b.example"),
    ],
)
def test_passwords_and_tokens_are_hidden_and_nothing_else(said: str, kept: str) -> None:
    assert redacted({"log": [said]}) == {"log": [kept]}


def test_what_is_no_text_stays_as_it_is() -> None:
    assert redacted({"generation": 3, "ok": True, "none": None}) == {"generation": 3, "ok": True, "none": None}
