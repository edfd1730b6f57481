# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A root that leads to what a derivation builds says that it is built, if Nix agrees; anything else says nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.build.building import built_before
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.machine import Controller

OUT = "/nix/store/" + "1" * 32 + "-top"
OTHER = "/nix/store/" + "2" * 32 + "-top"


# A store whose valid paths are the lines of the file `valid` beside it.
NIX_STORE = """#!/bin/sh
echo "$@" >>"${0%/*}/calls"
[ "$1 $3" = "--realise --add-root" ] && grep -qxF "$2" "${0%/*}/valid" && ln -sfn "$2" "$4" && touch "$4.known"
"""


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a Nix on the PATH whose store has the output, and return its directory."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "nix-store").write_text(NIX_STORE)
    (programs / "nix-store").chmod(0o755)
    (programs / "valid").write_text(f"{OUT}\n")
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    return programs


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
    found = built_before(drv, root(tmp_path, OUT), Controller())
    assert found is not None
    assert (found.out_path, found.drv_path) == (OUT, drv)


def test_the_collector_is_told_of_the_root_once_more(tmp_path: Path) -> None:
    link = root(tmp_path, OUT)
    built_before(derivation(tmp_path, f'("out","{OUT}","","")'), link, Controller())
    assert Path(f"{link}.known").exists()
    assert str(Path(link).readlink()) == OUT


def test_a_root_of_something_else_says_nothing(tmp_path: Path) -> None:
    assert built_before(derivation(tmp_path, f'("out","{OUT}","","")'), root(tmp_path, OTHER), Controller()) is None


def test_a_root_of_what_nix_does_not_know_of_says_nothing_and_nothing_is_fetched(tmp_path: Path, store: Path) -> None:
    (store / "valid").write_text("")
    assert built_before(derivation(tmp_path, f'("out","{OUT}","","")'), root(tmp_path, OUT), Controller()) is None
    assert "--option substitute false" in (store / "calls").read_text()


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
    assert built_before(derivation(tmp_path, outputs), root(tmp_path, OUT), Controller()) is None


def test_what_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    assert built_before(str(tmp_path / "missing.drv"), root(tmp_path, OUT), Controller()) is None
    assert built_before(derivation(tmp_path, f'("out","{OUT}","","")'), str(tmp_path / "missing"), Controller()) is None
