# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What takes a Debian machine and root says so at once, with what does instead, and that is a container."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def made(target: str, tools: Path, program: str, says: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run make where ``program`` does no more than print."""
    (tools / program).write_text(f"#!/bin/sh\nprintf '%s ' {says}\n")
    (tools / program).chmod(0o755)
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["make", "--no-print-directory", target],
        cwd=ROOT,
        env={**os.environ, "PATH": path, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("target", ["demo", "test"])
def test_who_is_not_root_is_told_before_anything_is_made(target: str, tmp_path: Path) -> None:
    done = made(target, tmp_path, "id", "1000")
    assert done.returncode != 0
    assert not done.stdout
    assert "make demo-container" in done.stderr


def test_a_container_has_the_privileges_and_the_clone(tmp_path: Path) -> None:
    engine = str(tmp_path / "engine")
    done = made(
        "demo-container", tmp_path, "engine", '"$@"', CONTAINER_ENGINE=engine, CONTAINER_OPTIONS="--ulimit host"
    )
    assert done.stdout.startswith(
        f"run --rm --privileged --volume {ROOT}:/src:ro --volume nix-fleet:/work --ulimit host docker.io/"
    )
