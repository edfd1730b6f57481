# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A root that leads to what a derivation builds says that it is built; anything else says nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.nix.built_before import built_before

OUT = "/nix/store/" + "1" * 32 + "-top"
OTHER = "/nix/store/" + "2" * 32 + "-top"


@pytest.fixture(autouse=True)
def a_store_that_has_it(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    paths, real = {OUT}, os.path.lexists
    monkeypatch.setattr(
        os.path, "lexists", lambda path: path in paths if str(path).startswith("/nix/store/") else real(path)
    )
    return paths


def derivation(directory: Path, outputs: str) -> str:
    file = directory / "top.drv"
    file.write_text(f'Derive([{outputs}],[],[],"x86_64-linux","/bin/sh",[],[])')
    return str(file)


def root(directory: Path, target: str) -> str:
    link = directory / "root"
    link.symlink_to(target)
    return str(link)


def test_a_root_that_leads_to_the_output_says_that_it_is_built(tmp_path: Path) -> None:
    drv = derivation(tmp_path, f'("out","{OUT}","","")')
    found = built_before(drv, root(tmp_path, OUT))
    assert found is not None
    assert (found.out_path, found.drv_path) == (OUT, drv)


def test_a_root_of_something_else_says_nothing(tmp_path: Path) -> None:
    assert built_before(derivation(tmp_path, f'("out","{OUT}","","")'), root(tmp_path, OTHER)) is None


def test_a_root_of_what_is_gone_says_nothing(tmp_path: Path, a_store_that_has_it: set[str]) -> None:
    a_store_that_has_it.clear()
    assert built_before(derivation(tmp_path, f'("out","{OUT}","","")'), root(tmp_path, OUT)) is None


@pytest.mark.parametrize(
    "outputs",
    [
        f'("dev","{OTHER}","",""),("out","{OUT}","","")',
        f'("out","{OUT}","",""),("man","{OTHER}","","")',
        '("out","","r:sha256","")',
        f'("out","{OUT}","r:sha256","00")',
    ],
    ids=["several outputs", "several outputs, out first", "known when it is built", "of a fixed content"],
)
def test_other_derivations_are_nixs_to_judge(tmp_path: Path, outputs: str) -> None:
    assert built_before(derivation(tmp_path, outputs), root(tmp_path, OUT)) is None


def test_what_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    assert built_before(str(tmp_path / "missing.drv"), root(tmp_path, OUT)) is None
    assert built_before(derivation(tmp_path, f'("out","{OUT}","","")'), str(tmp_path / "missing")) is None
