# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Data that a running service reads from files: what may be asked, and what became of it."""

from __future__ import annotations

import pathlib
import typing as t

from ..core.errors import RuntimeDataError
from ..core.text import counted
from ..health.checks import words_of
from .engine import Request
from .file import File, is_absolute, is_name, validate_attributes, validate_unique

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from .engine import Answer

MODE = "0644"
MOST_SECONDS = 300
# To connect, to escalate, and to be slow; and for a file's lock to be taken from a run that is no more.
LINK_SECONDS = 60
LOCK_SECONDS = 31
# A machine counts its seconds by sleeping, and has other things to do.
BUSY = 2


def request_of(options: Mapping[str, t.Any]) -> Request:
    """Return the request that a task's options make; raises ``RuntimeDataError``."""
    for field, least in (("health_within", 0), ("timeout", 1)):
        if not least <= options[field] <= MOST_SECONDS:
            raise RuntimeDataError(
                f"{field} is {options[field]}", code="bad_time", advice=f"give it {least} to {MOST_SECONDS} seconds"
            )
    files = tuple(_file_of(each) for each in options["files"])
    validate_unique(RuntimeDataError, files, "list it once")
    return Request(
        files,
        _words("test", options["test"]),
        _words("reload", options["reload"]),
        _words("health", options["health"]),
        options["health_within"],
        options["timeout"],
    )


def longest(request: Request) -> float:
    """Return how many seconds the machine may take to answer, in the worst case: it has gone back, and asked the service again."""
    commands = sum(1 for file in request.files if file.validate) + bool(request.test) + 2 * bool(request.reload)
    # Each is killed a moment after its time; the last health check may begin at the end of its time.
    checks = 2 * (request.within + request.timeout + 2) if request.health else 0
    return BUSY * (commands * (request.timeout + 2) + checks) + LOCK_SECONDS * len(request.files) + LINK_SECONDS


def _file_of(options: Mapping[str, t.Any]) -> File:
    path = options["path"]
    directory, name = str(pathlib.PurePosixPath(path).parent), pathlib.PurePosixPath(path).name
    if not is_absolute(path) or path.endswith("/") or not is_name(name) or not is_absolute(directory):
        raise RuntimeDataError(
            f"{path!r} is no path for a file of runtime data",
            code="bad_path",
            advice="give an absolute path without any .. in it, in a directory other than /, and no name that begins with"
            " a dot or a dash",
        )
    file = File(
        directory=directory,
        name=name,
        owner=options["owner"],
        group=options["group"],
        mode=MODE if options["mode"] is None else options["mode"],
        secret=options["secret"],
        absent=options["state"] == "absent",
        validate=_words(f"{path}: validate", options["validate"]),
    )
    validate_attributes(RuntimeDataError, path, file)
    return file


def _words(field: str, given: t.Any) -> tuple[str, ...]:
    if given is None or given == []:
        return ()
    try:
        return words_of(given)
    except ValueError as error:
        raise RuntimeDataError(
            f"{field}: {error}", code="bad_command", advice="correct it; nothing has been done"
        ) from None


def failure(answer: Answer, errors: str, **result: t.Any) -> RuntimeDataError:
    """Return the error that the machine's answer stands for; ``errors`` is what it printed."""
    return RuntimeDataError(
        _cause(answer),
        code=answer.code,
        log=answer.log or errors,
        advice=answer.advice or _advice(answer),
        restored=answer.restored,
        **{**result, "changed": bool(answer.recovered or answer.stuck)},
    )


def _cause(answer: Answer) -> str:
    cause = answer.cause or "the machine did not come to the end, and gave no reason"
    if answer.stuck:
        return f"{cause}; and {', '.join(answer.stuck)} could not be returned to what it was"
    if not answer.restored:
        return cause
    healthy = {
        None: "",
        True: ", with which the service is healthy",
        False: ", and the service is not healthy with those either",
    }
    return f"{cause}; the old files are in place again{healthy[answer.healthy]}"


def _advice(answer: Answer) -> str:
    if answer.stuck:
        return "see the files beside it whose names end in .nix.fleet-old"
    if answer.restored and answer.healthy is False:
        return "look at the service: the new data are not the only reason"
    return "correct the data, and run again" if answer.restored else "see what it printed"


def message(request: Request, answer: Answer, check: bool) -> str:
    """Return what became of the data, for a person."""
    count = len(request.files)
    files = counted(count, "file")
    if not answer.changed and not answer.recovered:
        return f"{files} {'is' if count == 1 else 'are'} up to date"
    names = ", ".join(state.path for state in answer.changed) or "none"
    would = "would change" if check else "changed"
    interrupted = "; what an earlier run had left was undone first" if answer.recovered else ""
    return f"{len(answer.changed)} of {files} {would}: {names}{interrupted}"
