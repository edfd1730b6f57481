# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The answer says which file on the machine has the whole log, if there is one."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from .nixos import NixOS


def test_the_file_with_the_whole_log_is_named(nixos: NixOS, old: str) -> None:
    answer = nixos.deploy(nixos.system("nixos-bad", trouble="echo not today; exit 2"))
    assert answer.log_file is not None
    assert "not today" in nixos.path(answer.log_file).read_text()
    assert nixos.deploy(old).log_file is None
