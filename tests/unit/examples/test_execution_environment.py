# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The execution environments that users build: ansible-builder takes their definitions, and writes what is built."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
DEFINITIONS = ROOT / "examples/execution-environment"
BUILDER = shutil.which("ansible-builder", path=str(Path(sys.executable).parent))


def containerfile(name: str, directory: Path) -> str:
    """Return the Containerfile that ansible-builder writes, once it has held the definition against its schema."""
    if BUILDER is None:
        pytest.skip("no ansible-builder beside this Python")
    words = ["--file", f"{DEFINITIONS}/{name}.yml", "--context", str(directory), "--output-filename", "Containerfile"]
    done = subprocess.run(
        [BUILDER, "create", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return (directory / "Containerfile").read_text()


@pytest.mark.parametrize("name", ["builder-only", "with-nix"])
def test_each_has_ansible_and_the_collection(name: str, tmp_path: Path) -> None:
    text = containerfile(name, tmp_path)
    assert "ansible-core>=2.19,<2.20" in text
    (collection,) = yaml.safe_load((tmp_path / "_build/requirements.yml").read_text())["collections"]
    assert collection["name"] == "nix.fleet"


def test_nix_is_in_the_one_that_is_called_so_and_nothing_of_it_in_the_other(tmp_path: Path) -> None:
    assert "/nix/store" in containerfile("with-nix", tmp_path / "with")
    assert "/nix" not in containerfile("builder-only", tmp_path / "without").replace("nix.fleet", "")


def test_ssh_and_git_come_with_the_collection() -> None:
    own = yaml.safe_load((ROOT / "meta/execution-environment.yml").read_text())
    packages = (ROOT / own["dependencies"]["system"]).read_text()
    assert {"openssh-clients", "git"} <= {line.split()[0] for line in packages.splitlines() if not line.startswith("#")}
