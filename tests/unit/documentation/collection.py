# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what the collection says of itself, as Ansible would, without starting Ansible."""

from __future__ import annotations

import importlib
import typing as t
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = "ansible_collections.nix.fleet.plugins"


def modules() -> list[str]:
    """Return the names of the documented modules."""
    return names("modules")


def actions() -> list[str]:
    """Return the names of the action plugins."""
    return names("action")


def names(kind: str) -> list[str]:
    """Return the names of the plugins of one kind."""
    return sorted(file.stem for file in (ROOT / "plugins" / kind).glob("*.py") if file.stem != "__init__")


def argument_spec(action: str) -> dict[str, dict[str, t.Any]]:
    """Return what an action accepts."""
    plugin = importlib.import_module(f"{PACKAGE}.action.{action}").ActionModule
    spec: dict[str, dict[str, t.Any]] = plugin.argument_spec
    return spec


def section(module: str, name: str) -> t.Any:
    """Return one of a module's DOCUMENTATION, EXAMPLES and RETURN."""
    return yaml.safe_load(getattr(importlib.import_module(f"{PACKAGE}.modules.{module}"), name))
