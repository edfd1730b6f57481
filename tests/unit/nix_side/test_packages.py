# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the flake has for users of Nix: Ansible with the collection, a shell, the deployment, and a fleet to begin with."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.nix.fleet.plugins.plugin_utils.nix.source import collection_version

from .conftest import INPUTS, ROOT, STAND_INS

if t.TYPE_CHECKING:
    from .conftest import Nix

TEMPLATE = ROOT / "nix" / "template"
SYSTEM = "x86_64-linux"
# A store in a directory builds in a sandbox alone, and the stand-ins' packages are made by this machine's programs.
SANDBOX = ("--option", "sandbox-paths", "/bin /usr /lib /lib64", "--option", "build-users-group", "")


def with_stand_ins(flake: Path) -> None:
    """Have a flake's inputs be the stand-ins."""
    text = flake.read_text()
    for name in INPUTS:
        text = re.sub(rf'"github:[\w-]+/{name}/[\w-]+"', f'"path:{STAND_INS / name}"', text, flags=re.IGNORECASE)
    flake.write_text(text)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's files, as a flake of inputs that this machine has."""
    directory = tmp_path_factory.mktemp("project")
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=False)
    if files.returncode:
        pytest.skip("the flake's files are those of its git repository, and this is none")
    for name in files.stdout.splitlines():
        if (ROOT / name).is_file() and not name.startswith("tests/"):
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, directory / name)
    with_stand_ins(directory / "flake.nix")
    return directory


def test_the_library_and_the_collection_are_of_one_version(nix: Nix) -> None:
    version = yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]
    assert (nix.evaluate("lib.version"), collection_version()) == (version, version)


def test_what_was_installed_has_its_version_too(nix: Nix, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "inventory/lib", tmp_path / "inventory/lib")
    (tmp_path / "MANIFEST.json").write_text('{"collection_info": {"name": "fleet", "version": "1.2.3"}}')
    assert nix.try_to("eval", "--raw", "--file", str(tmp_path / "inventory/lib"), "version").stdout == "1.2.3"


def test_the_collection_is_found_beside_ansible_with_nothing_set(nix: Nix, project: Path, tmp_path: Path) -> None:
    done = nix.try_to("build", "--no-link", *SANDBOX, f"path:{project}#ansible")
    assert done.returncode == 0, done.stderr
    (built,) = (nix.store / "nix" / "store").glob("*-nix-fleet-*/lib/python3/site-packages")
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "doc", "--type", "role", "nix.fleet.deploy"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LC_ALL": "C.UTF-8", "PYTHONPATH": str(built)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "deploy_require_lock" in done.stdout, done.stderr


@pytest.mark.parametrize("attribute", [f"devShells.{SYSTEM}.default", f"apps.{SYSTEM}.deploy.program"])
def test_there_is_a_shell_and_a_deployment(nix: Nix, project: Path, attribute: str) -> None:
    done = nix.try_to("eval", "--raw", f"path:{project}#{attribute}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("/nix/store/")


def test_the_template_is_a_whole_fleet_with_the_deployment(nix: Nix, project: Path, tmp_path: Path) -> None:
    fleet = tmp_path / "fleet"
    done = nix.try_to("flake", "new", "--template", f"path:{project}", str(fleet))
    assert done.returncode == 0, done.stderr
    with_stand_ins(fleet / "flake.nix")
    flake = fleet / "flake.nix"
    flake.write_text(flake.read_text().replace("github:nix-fleet/nix.fleet", f"path:{project}"))
    for attribute in ("nixosConfigurations.web-1.config.system.build.toplevel", f"apps.{SYSTEM}.deploy.program"):
        done = nix.try_to("eval", "--raw", f"path:{fleet}#{attribute}")
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("/nix/store/")
    assert nix.try_to("eval", "--raw", f"path:{fleet}#fleet.version").stdout == nix.evaluate("lib.version")
    assert (fleet / "flake.lock").exists()


def test_the_templates_settings_are_the_shipped_ones() -> None:
    own = re.compile(
        r"^(# SPDX|# A project root|# This clone|# Ansible's settings|collections_path).*\n|^\n", re.MULTILINE
    )
    template, shipped = (own.sub("", (root / "ansible.cfg").read_text()) for root in (TEMPLATE, ROOT))
    assert template == shipped
