# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Expects errors by their codes, which stay the same whatever the words are."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import NixError


@contextlib.contextmanager
def fails_with(code: str) -> Iterator[pytest.ExceptionInfo[NixError]]:
    """Expect that the block raises the error ``code``."""
    with pytest.raises(NixError) as raised:
        yield raised
    assert raised.value.code == code, str(raised.value)
