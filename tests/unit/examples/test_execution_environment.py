# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The execution environments that users build: ansible-builder takes their definitions, and writes what is built."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
DEFINITIONS = ROOT / "examples/execution-environment"
BUILDER = shutil.which("ansible-builder", path=str(Path(sys.executable).parent))


def containerfile(name: str, tarball: Path, directory: Path) -> str:
    """Return the Containerfile that ansible-builder writes, once it has held the definition against its schema.

    The definition is where it is in a clone whose root has the tarball.
    """
    if BUILDER is None:
        pytest.skip("no ansible-builder beside this Python")
    clone = directory / "clone"
    shutil.copytree(DEFINITIONS, clone / "examples/execution-environment")
    shutil.copy2(tarball, clone)
    definition = clone / f"examples/execution-environment/{name}.yml"
    words = ["--file", str(definition), "--context", str(directory), "--output-filename", "Containerfile"]
    done = subprocess.run(
        [BUILDER, "create", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return (directory / "Containerfile").read_text()


@pytest.mark.parametrize("name", ["builder-only", "with-nix"])
def test_each_has_ansible_and_the_collection(name: str, tarball: Path, tmp_path: Path) -> None:
    text = containerfile(name, tarball, tmp_path)
    assert "ansible-core>=2.19,<2.20" in text
    (collection,) = yaml.safe_load((tmp_path / "_build/requirements.yml").read_text())["collections"]
    assert (tmp_path / "_build" / collection["name"]).read_bytes() == tarball.read_bytes()


def test_the_images_own_command_installs_the_collection(tarball: Path, tmp_path: Path) -> None:
    text = containerfile("builder-only", tarball, tmp_path)
    install = re.findall(r"^RUN .*(ansible-galaxy collection install) \S+ (-r \S+)", text, flags=re.MULTILINE)
    ((command, requirements),) = install
    done = subprocess.run(
        [*command.split(), *requirements.split(), "--collections-path", str(tmp_path / "installed")],
        # Where the image has the files; and with nothing installed already.
        cwd=tmp_path / "_build",
        env={"HOME": str(tmp_path), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "installed/ansible_collections/nix/fleet/MANIFEST.json").is_file()


def test_nix_is_in_the_one_that_is_called_so_and_nothing_of_it_in_the_other(tarball: Path, tmp_path: Path) -> None:
    assert "/nix/store" in containerfile("with-nix", tarball, tmp_path / "with")
    text = containerfile("builder-only", tarball, tmp_path / "without")
    assert "/nix" not in re.sub(r"nix[.-]fleet", "", text)


def test_ssh_and_git_come_with_the_collection() -> None:
    own = yaml.safe_load((ROOT / "meta/execution-environment.yml").read_text())
    packages = (ROOT / own["dependencies"]["system"]).read_text()
    assert {"openssh-clients", "git"} <= {line.split()[0] for line in packages.splitlines() if not line.startswith("#")}
