# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as a user has it, who has no Galaxy server to take it from: a tarball, made as docs/ci.md says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ..documentation.commands import blocks

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the one file in ``vendor`` of the user's fleet."""
    home = tmp_path_factory.mktemp("home")
    (block,) = (block for block in blocks(ROOT / "docs/ci.md") if "collection build" in block.script)
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "HOME": str(home), "PATH": programs, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        ["bash", "-euc", block.script], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = (home / "fleet/vendor").iterdir()
    return made
