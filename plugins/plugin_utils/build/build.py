# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Building: the command line, what its answer means, and what to do about a failure."""

from __future__ import annotations

import dataclasses
import json
import re
import typing as t

from ..core.errors import BuildError
from ..nix.command import nix
from ..nix.log import LOG_FORMAT, LOG_ROOM, FailedBuild, NixLog, derivation_name, readable
from ..nix.machine import BUSY, BUSY_ADVICE
from ..nix.store import is_store_path, store_path_name

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

NAMES_SHOWN = 8
# Hosts are built side by side and share most of their derivations. Who finds one being built by another looks again
# after this many seconds; Nix's own five, once a derivation, would be most of a deployment.
SECONDS_BETWEEN_LOOKS = ("--option", "build-poll-interval", "1")
NO_SUBSTITUTES = ("--option", "substitute", "false")

# What Nix says, the code that stands for it, and what to do about it.
DIAGNOSES = (
    (BUSY, "busy", BUSY_ADVICE),
    (
        re.compile(r"is required to build|platform mismatch|missing system features"),
        "wrong_system",
        "build it on a machine of that kind: on the target itself (deploy_build_on: target), on an inventory host "
        "(deploy_build_on), or with a remote builder (remote_builders)",
    ),
    (
        re.compile(r"No space left on device", re.IGNORECASE),
        "no_room",
        "free space in the store, for example with nix-collect-garbage",
    ),
    (
        re.compile(r"out of memory|std::bad_alloc|std::length_error"),
        "no_memory",
        "look at what answers there as its Nix daemon, and at whether this machine is short of memory",
    ),
    (
        re.compile(r"hash mismatch in fixed-output derivation"),
        "hash_mismatch",
        "what was downloaded is not what the configuration expects: update its hash, after a look at why it differs",
    ),
    (
        re.compile(r"failed to obtain derivation|missing derivation|is not valid|does not exist"),
        "no_derivation",
        "the derivation is gone from the store, perhaps by a garbage collection: run again, which evaluates it anew",
    ),
    (
        re.compile(
            r"Could not resolve|unable to download|cannot connect|Connection (refused|timed out)", re.IGNORECASE
        ),
        "network",
        "check the network and the substituters of the machine that builds",
    ),
)


@dataclasses.dataclass(frozen=True)
class BuildSettings:
    """How to build, whatever it is; ``options`` reach Nix beside the command line, which beats them, see ``with_settings``."""

    builders: str | None = None
    max_jobs: str | None = None
    options: Mapping[str, t.Any] = dataclasses.field(default_factory=dict)

    def arguments(self) -> list[str]:
        """Return the settings as Nix's command line takes them."""
        return [
            *(["--builders", self.builders] if self.builders is not None else []),
            *(["--max-jobs", self.max_jobs] if self.max_jobs is not None else []),
        ]


@dataclasses.dataclass(frozen=True)
class Output:
    """One thing that was asked for and its output paths by name; a plain store path has only ``out``."""

    paths: Mapping[str, str]
    drv_path: str | None = None

    @property
    def out_path(self) -> str:
        """The path that is meant when a single one is asked for."""
        return self.paths.get("out") or next(iter(self.paths.values()))

    def to_result(self) -> dict[str, t.Any]:
        """Return the output as the value of a module's result."""
        return {"drv_path": self.drv_path, "paths": dict(self.paths)}


def build(
    installables: Sequence[str],
    settings: BuildSettings,
    *,
    link: str | None = None,
    store: str | None = None,
    dry_run: bool = False,
) -> list[str]:
    """Return the command that builds ``installables`` and prints their outputs as JSON.

    ``link`` is a garbage collector root to make. ``store`` is another machine's store to build in; derivations that it
    lacks are sent there first.
    """
    command = nix(
        "build",
        "--json",
        *LOG_FORMAT,
        *SECONDS_BETWEEN_LOOKS,
        *settings.arguments(),
        *(["--out-link", link] if link else ["--no-link"]),
        *(["--eval-store", "auto"] if store else []),
        *(["--dry-run"] if dry_run else []),
        "--",
        *installables,
    )
    # As an option it would be sent on to the daemon that serves the store, which warns of it where it does not trust
    # the login.
    return ["env", f"NIX_REMOTE={store}", *command] if store else command


def known_outputs(derivation: str) -> list[str]:
    """Return the command that prints the outputs of ``derivation`` as ``build`` does, without building or asking anyone."""
    return nix(
        "build", "--json", *LOG_FORMAT, *NO_SUBSTITUTES, "--no-link", "--dry-run", "--", every_output(derivation)
    )


def every_output(derivation: str) -> str:
    """Return the installable that stands for all outputs of ``derivation``."""
    return f"{derivation}^*"


def parse_outputs(text: str) -> list[Output]:
    """Read what ``build`` printed; raises ``BuildError`` when that is no list of outputs."""
    try:
        outputs = [_output(entry) for entry in json.loads(text or "[]")]
        if not outputs:
            raise ValueError("no outputs")
        return outputs
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise BuildError(
            "Nix was to name what it built, and said something else",
            code="bad_answer",
            log=text[:LOG_ROOM],
            advice="see whether the Nix on the machine that builds is the real one: nix build --json",
        ) from error


def _output(entry: t.Any) -> Output:
    if isinstance(entry, str):
        return Output({"out": _path(entry)})
    paths = entry.get("outputs")
    if not paths:
        return Output({"out": _path(entry.get("path"))})
    # An output whose path is only known when it is built has none in a dry run.
    named = {str(name): _path(path) if path else "" for name, path in paths.items()}
    return Output(named, _path(entry["drvPath"]) if entry.get("drvPath") else None)


def _path(value: t.Any) -> str:
    if isinstance(value, str) and is_store_path(value):
        return value
    raise ValueError(f"not a store path: {value!r}")


def failure(log: NixLog, *, rc: int, command: Sequence[str], machine: str) -> BuildError:
    """Return the error for a build on ``machine`` that ended with ``rc``."""
    failed = log.failed
    text = (failed[0].log if failed else "") or log.text
    if failed:
        cause = _cause(failed)
        code, advice = _diagnosis(f"{failed[0].cause}\n{text}", machine, failed[0])
    else:
        cause = log.cause or f"Nix ended with exit code {rc} and did not say why"
        code, advice = _diagnosis(text, machine)
    return BuildError(
        cause,
        code=code,
        command=readable(command),
        log=text,
        advice=advice,
        failed_derivations=[build.derivation for build in failed],
    )


def _cause(failed: Sequence[FailedBuild]) -> str:
    first = failed[0]
    if len(failed) == 1:
        return f"{first.name} did not build: {first.reason}"
    names = ", ".join(build.name for build in failed[:NAMES_SHOWN])
    return f"{len(failed)} derivations did not build ({names}); {first.name}: {first.reason}"


def _diagnosis(text: str, machine: str, failed: FailedBuild | None = None) -> tuple[str, str]:
    """Return the code and the advice for an error, by what Nix says of it."""
    for pattern, code, advice in DIAGNOSES:
        if pattern.search(text):
            return code, advice
    if failed:
        return "builder_failed", f"its whole log, on {machine}: nix-store --read-log {failed.derivation}"
    return "nix", f"run the command on {machine} to see all of its messages"


# A compiler may print thousands of lines a second.
SECONDS_BETWEEN_LINES = 0.2


class Progress:
    """Tells of a build while it runs, a line at a time and not more than one in ``pause`` seconds.

    ``whole``: with the phase and the last line of what builds. ``stream`` is handed every line of every builder.
    """

    def __init__(
        self,
        say: Callable[[str], None] | None,
        clock: Callable[[], float],
        *,
        pause: float = 2.0,
        whole: bool = False,
        stream: Callable[[str], None] | None = None,
    ) -> None:
        self.log = NixLog(stream)
        self._say = say
        self._clock = clock
        self._pause = pause
        self._whole = whole
        self._last: float | None = None
        self._told = ""

    def read(self, line: str) -> None:
        """Take one line of Nix's log."""
        before = self._message()
        self.log.read(line)
        message = self._message()
        if self._say is None or message is None:
            return
        told = f"{message}{self.log.latest}" if self._whole else message
        if told == self._told or (message == before and not self._whole):
            return
        now = self._clock()
        pause = self._pause if message != before else max(self._pause, SECONDS_BETWEEN_LINES)
        if self._last is None or now - self._last >= pause:
            self._last, self._told = now, told
            self._say(told)

    def _message(self) -> str | None:
        log = self.log
        if log.building:
            return f"building {len(log.built)}/{log.builds_expected} {derivation_name(log.building)}"
        if log.fetching:
            # How many there will be is only known where Nix was asked for its plan.
            return f"fetching {max(len(log.fetched), len(log.to_fetch))} paths, {store_path_name(log.fetching)}"
        return None
