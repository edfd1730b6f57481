# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hosts of one run tell each other, although each is served by a process of its own."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import typing as t
from pathlib import Path

if t.TYPE_CHECKING:
    from collections.abc import Iterable

Standing = t.Literal["failed", "held_back", "unreachable"]
STANDINGS: tuple[Standing, ...] = ("failed", "held_back", "unreachable")


class Ledger:
    """Small files below one directory, each of them whole from the moment it is there."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def note(self, standing: Standing, host: str, result: dict[str, t.Any]) -> None:
        """Write down how the deployment of ``host`` ended."""
        self._write(self._file(standing, host), result).replace(self._file(standing, host))

    def read(self, standing: Standing, host: str) -> dict[str, t.Any] | None:
        """Return what was noted of ``host``."""
        file = self._file(standing, host)
        return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None

    def standing(self, host: str) -> Standing | None:
        """Return how the deployment of ``host`` ended, unless it ended well or has not ended."""
        return next((standing for standing in STANDINGS if self._file(standing, host).exists()), None)

    def count(self, standing: Standing, *, besides: str) -> int:
        """Return how many hosts other than ``besides`` ended so."""
        own = self._file(standing, besides)
        return sum(1 for file in own.parent.glob("*.json") if file != own)

    @property
    def limit(self) -> int | None:
        """How many hosts may fail in this run, where somebody has said so."""
        file = self._directory / "limit.json"
        return int(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else None

    @limit.setter
    def limit(self, number: int) -> None:
        self._write(self._directory / "limit.json", number).replace(self._directory / "limit.json")

    def batch_begins(self, hosts: Iterable[str], pause: float, now: float) -> float:
        """Return when the batch of ``hosts`` may begin: ``pause`` after the first of them asked, if it is not the first."""
        file = self._file("batch", "\n".join(hosts))
        if not file.exists():
            first = not any(file.parent.glob("*.json"))
            draft = self._write(file, now if first else now + pause)
            try:
                os.link(draft, file)
            except FileExistsError:
                pass  # another host of this batch has asked in this moment
            finally:
                draft.unlink()
        return float(json.loads(file.read_text(encoding="utf-8")))

    def _file(self, kind: str, name: str) -> Path:
        return self._directory / kind / f"{hashlib.sha256(name.encode()).hexdigest()}.json"

    @staticmethod
    def _write(file: Path, value: t.Any) -> Path:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(dir=file.parent, prefix=".")
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(value, stream, default=str)
        return Path(draft)
