# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Data that are laid out in Nix are, when Nix reads them, the same data."""

from __future__ import annotations

import json
import math
import typing as t

import hypothesis
from hypothesis import strategies as st

from ansible_collections.nix.fleet.plugins.plugin_utils.nix.command import laid_out

from ..errors import fails_with
from .conftest import Nix

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
TRICKY = st.sampled_from(
    ["", "${x}", "$${x}", "''", '"', "\\", "a\n  b\t", "\r", "rec", "null", "or", "{{ x }}", "größe", "a.b", "-"]
)
INTEGERS = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, -1, -(2**63), 2**63 - 1])
# Nix's own reader of JSON, to which the same values come back, has no negative zero.
REALS = st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False).filter(
    lambda real: not (real == 0 and math.copysign(1, real) < 0)
)
DATA = st.recursive(
    st.none() | st.booleans() | INTEGERS | REALS | TEXT | TRICKY,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT | TRICKY, inner, max_size=4),
    max_leaves=20,
)


def test_nix_reads_what_was_laid_out(nix: Nix) -> None:
    many: list[t.Any] = []

    # One evaluation for all of them: a start of Nix takes longer than a hundred values.
    @hypothesis.settings(max_examples=300, deadline=None, database=None)
    @hypothesis.given(DATA)
    def collect(data: t.Any) -> None:
        many.append(data)

    collect()
    read = nix.evaluate(laid_out({"data": many}))["data"]
    assert [json.dumps(value, sort_keys=True) for value in read] == [
        json.dumps(value, sort_keys=True) for value in many
    ]


def test_what_nix_has_no_way_to_write_is_refused() -> None:
    with fails_with("nix.null_character"):
        laid_out({"x": "a\0b"})
