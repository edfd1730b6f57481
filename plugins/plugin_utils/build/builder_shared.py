# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An answer that all hosts of a run share for a while, although a process of its own asks for each."""

from __future__ import annotations

import fcntl
import json
import time
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def shared(path: Path, find: Callable[[], t.Any], *, seconds: float) -> t.Any:
    """Return what ``find`` returned for whoever asked first, unless that is longer ago than ``seconds``.

    It is kept as JSON in ``path``. Who asks meanwhile waits.
    """
    with path.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        text = file.read()
        if text:
            kept = json.loads(text)
            if time.monotonic() - kept["at"] < seconds:
                return kept["answer"]
        answer = find()
        # Written anew only when there is an answer: an error is each host's own to find.
        file.seek(0)
        file.truncate()
        json.dump({"at": time.monotonic(), "answer": answer}, file)
        return answer
