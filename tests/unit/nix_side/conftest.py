# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking Nix itself, as flakes of users do; without a Nix on PATH these tests are skipped."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import typing as t
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
LIBRARY = ROOT / "inventory" / "lib"
STAND_INS = ROOT / "tests" / "lab" / "standins"
INPUTS = ("nixpkgs", "nix-darwin", "home-manager", "nix-on-droid")

_SETTINGS = "experimental-features = nix-command flakes\nflake-registry =\nsubstituters =\n"


@dataclass(frozen=True)
class Nix:
    """The machine's Nix, with a store of its own and none of the machine's settings."""

    program: str
    store: Path

    def try_to(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {
            "NIX_CONFIG": _SETTINGS,
            "NIX_CONF_DIR": str(self.store / "no-settings"),
            "NIX_CACHE_HOME": str(self.store / "cache"),
            "NO_COLOR": "1",
        }
        return subprocess.run(
            [self.program, *arguments, "--store", str(self.store)],
            env=environment | variables,
            capture_output=True,
            text=True,
            check=False,
        )

    def evaluate(self, expression: str, **data: t.Any) -> t.Any:
        """Return what an expression is; each of ``data`` has its name in there."""
        done = self._evaluation(expression, data)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def error(self, expression: str, **data: t.Any) -> str:
        """Return why an expression cannot be evaluated."""
        done = self._evaluation(expression, data)
        assert done.returncode != 0, f"evaluated to {done.stdout}"
        return done.stderr

    def _evaluation(self, expression: str, data: dict[str, t.Any]) -> subprocess.CompletedProcess[str]:
        given = "".join(f'{name} = (builtins.fromJSON (builtins.getEnv "DATA")).{name};\n' for name in data)
        whole = f"let lib = import {LIBRARY}; {given} in {expression}"
        return self.try_to("eval", "--impure", "--json", "--expr", whole, DATA=json.dumps(data))


@pytest.fixture(scope="session")
def nix(tmp_path_factory: pytest.TempPathFactory) -> Nix:
    """Nix, or a reason to skip."""
    beside = ROOT / ".venv" / "bin" / "nix"
    program = shutil.which("nix") or (str(beside) if beside.exists() else None)
    if program is None:
        pytest.skip("there is no nix on PATH; `tests/lab/lab nix` brings one")
    return Nix(program, tmp_path_factory.mktemp("store"))
