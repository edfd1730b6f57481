# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process of a task's own, which evaluates for its hosts while they come and go.

It ends with its work, or with the run that it works for.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import threading
import traceback
import typing as t
from pathlib import Path

from ..core.errors import NixError
from ..core.process import await_end, end_all
from ..nix.machine import Controller
from ..nix.source import Snapshot, Source
from .evaluation_budget import budget_here
from .evaluation_cache import EvaluationCache
from .evaluation_result import Failed
from .task_evaluation import Request, TaskEvaluation
from .waiting_room import WaitingRoom

if t.TYPE_CHECKING:
    from collections.abc import Sequence

# Nothing of ours is found by a path that others have a say in.
ISOLATED = "-I"
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from plugin_utils.evaluation.task_process import main
main()
"""
PLUGINS = Path(__file__).parents[2]


def begin(
    request: Request,
    machine: Controller,
    cache: EvaluationCache,
    lock: t.IO[str],
    task: str,
    attributes: Sequence[str],
    snapshot: Snapshot,
    room: WaitingRoom,
) -> None:
    """Start the process, which takes ``lock`` over and holds it until it ends; hosts wait in ``room``."""
    work = {
        "request": dataclasses.asdict(request),
        "environment": machine.environment,
        "directory": str(cache.directory),
        "task": task,
        "attributes": list(attributes),
        "snapshot": dataclasses.asdict(snapshot),
        "room": str(room.path),
        # This process is one host's, and its parent the whole run.
        "run": os.getppid(),
    }
    process = subprocess.Popen(
        [sys.executable, ISOLATED, "-c", PROGRAM, str(PLUGINS)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[lock.fileno()],
        start_new_session=True,
    )
    # By a pipe, since settings of Nix may be secrets.
    # One that does not read it has ended, which its hosts notice.
    with contextlib.suppress(BrokenPipeError), t.cast("t.IO[bytes]", process.stdin) as stdin:
        stdin.write(json.dumps(work).encode())


def main() -> None:
    """Do the work that standard input tells of."""
    work = json.load(sys.stdin)
    threading.Thread(target=_end_with, args=(work["run"],), daemon=True).start()
    cache = EvaluationCache(Path(work["directory"]))
    try:
        request = Request(**{**work["request"], "source": Source(**work["request"]["source"])})
        machine = Controller(work["environment"])
        snapshot = Snapshot(**work["snapshot"])
        budget = budget_here(request.memory)
        evaluation = TaskEvaluation(request, machine, cache, budget, task=work["task"])
        evaluation.evaluate(work["attributes"], snapshot, WaitingRoom(Path(work["room"])))
    except NixError as error:
        cache.journal(work["task"]).tell_failure(Failed(error.cause, error.command, error.log, error.advice))
    except Exception as error:  # noqa: BLE001  # nobody else would tell the hosts
        cache.journal(work["task"]).tell_failure(Failed(f"{type(error).__name__}: {error}", log=traceback.format_exc()))


def _end_with(run: int) -> None:
    """Wait for the end of the process ``run``, and end all that is done for it."""
    await_end(run)
    end_all()
    os._exit(1)
