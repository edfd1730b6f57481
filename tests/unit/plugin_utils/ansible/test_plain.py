# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain values come out of Ansible's tagged ones."""

from __future__ import annotations

from ansible_collections.nix.fleet.plugins.plugin_utils.ansible.plain import plain


class Tagged(str):
    """A string subclass, as ansible-core 2.19 and later make them."""


def test_strings_become_plain_at_every_depth() -> None:
    value = plain({Tagged("a"): [Tagged("b"), {"c": Tagged("d")}]})
    assert value == {"a": ["b", {"c": "d"}]}
    assert {type(text) for text in ("a", *value, value["a"][0], value["a"][1]["c"])} == {str}


def test_other_values_stay_what_they_are() -> None:
    assert plain([None, True, 2**62, 0.5]) == [None, True, 2**62, 0.5]
