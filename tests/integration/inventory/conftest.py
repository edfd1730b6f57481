# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every test gets a directory of its own."""

from __future__ import annotations

import pathlib

import pytest

from .project import Project


@pytest.fixture
def project(tmp_path: pathlib.Path) -> Project:
    """Return an empty directory to keep an inventory in."""
    directory = tmp_path / "project"
    directory.mkdir()
    return Project(directory)
