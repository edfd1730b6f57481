# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Building, on a machine by its own Nix or in its store by the controller's; what Nix answers, and what to do about a failure."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import typing as t
from pathlib import Path

from ..core.errors import BuildError
from ..core.process import run_command
from ..nix.command import nix, with_settings
from ..nix.log import LOG_FORMAT, LOG_ROOM, FailedBuild, NixLog, readable
from ..nix.machine import BUSY, BUSY_ADVICE, MEMORY, Controller, Remote, is_busy, when_free
from ..nix.store import GONE, GONE_ADVICE, is_store_path, protect, root_name, store_path_name
from ..target.programs import program

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from ..core.process import Completed, Shell
    from ..nix.machine import Machine

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
        "(deploy_build_on), or with a remote builder (deploy_remote_builders)",
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
class Output:
    """One thing that was asked for and its output paths by name; a plain store path has only ``out``."""

    paths: Mapping[str, str]
    drv_path: str | None = None

    @property
    def out_path(self) -> str:
        """The path that is meant when a single one is asked for."""
        return self.paths.get("out") or next(iter(self.paths.values()))


def every_output(derivation: str) -> str:
    """Return the installable that stands for all outputs of ``derivation``."""
    return f"{derivation}^*"


def parse_outputs(text: str) -> list[Output]:
    """Read what a build printed; raises ``BuildError`` when that is no list of outputs."""
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
            advice="see whether the Nix on the machine that builds is the real one: `nix build --json`",
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
        return "builder_failed", f"its whole log, on {machine}: `nix-store --read-log {failed.derivation}`"
    return "nix", f"run the command on {machine} to see all of its messages"


# Nix hands the settings of whoever asks to the daemon that builds. What this controller's nix.conf says of sandboxes,
# substituters and systems is of no concern to another machine.
NO_SETTINGS = {"NIX_CONF_DIR": "/nix/var/empty", "NIX_USER_CONF_FILES": "", "NIX_CONFIG": ""}
# What Nix warns of then, where it is root's, is that this group of its defaults is not there. Nothing is built here.
OF_NO_SETTINGS = "build-users-group"

# What a daemon heeds of whoever asks, trusted or not.
ANYBODYS = {"cores", "keep-going", "max-jobs"}
INQUIRE = f'{program("store")}\nstore_prepare_build "$@"\n'


@dataclasses.dataclass(frozen=True)
class Built:
    """What came of a build; in a dry run, what would. Of one that is ``uncounted``, more may have to be built than is told."""

    outputs: tuple[Output, ...]
    built: tuple[str, ...] = ()
    fetched: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    uncounted: bool = False

    @property
    def changed(self) -> bool:
        """Whether the store has something that it did not have before."""
        return bool(self.built or self.fetched)

    def message(self, *, dry_run: bool) -> str:
        """Return what came of the build, or would."""
        names = ", ".join(store_path_name(output.out_path) for output in self.outputs if output.out_path)
        if not self.changed:
            return f"there already: {names}"
        if self.uncounted:
            return f"would build {names}, and what the machine lacks for it"
        if dry_run:
            return f"would build {names} (derivations to build: {len(self.built)}, paths to fetch: {len(self.fetched)})"
        return f"built {names} (derivations built: {len(self.built)}, paths fetched: {len(self.fetched)})"


@dataclasses.dataclass(frozen=True)
class Build:
    """One build to be done: what, how, and what tells of it while it runs.

    ``options`` reach Nix beside the command line, which beats them: see ``with_settings``. ``link`` is a GC root to make.
    ``follow`` hands each line to ``log``, where they come while the build goes on. ``builders`` is asked right before
    anything is built which remote builders are to be used, if that is not left to Nix: nobody waits for them in vain.
    """

    installables: Sequence[str]
    options: Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    max_jobs: str | None = None
    link: str | None = None
    dry_run: bool = False
    log: NixLog = dataclasses.field(default_factory=NixLog)
    follow: Callable[[str], None] | None = None
    builders: Callable[[], str | None] | None = None

    def command(self, *, builders: str | None = None, store: str | None = None) -> list[str]:
        """Return the command that builds and prints the outputs as JSON.

        ``store`` is another machine's store to build in; derivations that it lacks are sent there first.
        """
        command = nix(
            "build",
            "--json",
            *LOG_FORMAT,
            *SECONDS_BETWEEN_LOOKS,
            *(["--builders", builders] if builders is not None else []),
            *(["--max-jobs", self.max_jobs] if self.max_jobs is not None else []),
            *(["--out-link", self.link] if self.link else ["--no-link"]),
            *(["--eval-store", "auto"] if store else []),
            *(["--dry-run"] if self.dry_run else []),
            "--",
            *self.installables,
        )
        # As an option it would be sent on to the daemon that serves the store, which warns of it where it does not trust
        # the login.
        return ["env", f"NIX_REMOTE={store}", *command] if store else command

    def planned(self, machine: Machine) -> Built:
        """Return what the build would have to do."""
        return dataclasses.replace(self, dry_run=True, link=None, log=NixLog(), follow=None).on(machine)

    def on(self, machine: Machine, *, store: str | None = None, name: str | None = None) -> Built:
        """Build by the Nix of ``machine``, in ``store`` or its own."""
        builders = None
        # Nobody is asked for what is there.
        if self.builders and not self.dry_run and (store or self.planned(machine).built):
            builders = self.builders()
        # What serves the store is gone when somebody reads this; what was to be built is there, and its Nix too.
        repeatable = self.command(builders=builders)
        read: Callable[[str], t.Any] = self.follow if self.follow and isinstance(machine, Controller) else self.log.read

        completed = machine.run(self.command(builders=builders, store=store), on_stderr_line=read)
        log = self.log
        if not completed.ok:
            raise failure(log, rc=completed.rc, command=repeatable, machine=name or machine.name)
        built = log.to_build if self.dry_run else log.built
        fetched = log.to_fetch if self.dry_run else log.fetched
        return Built(
            tuple(parse_outputs(completed.stdout)),
            tuple(dict.fromkeys(built)),
            tuple(dict.fromkeys(fetched)),
            log.warnings,
        )


@dataclasses.dataclass(frozen=True)
class Root:
    """The garbage collector root that keeps what is deployed to a host: a given path, or one named after the host."""

    host: str
    path: str = ""
    wanted: bool = True

    def arguments(self) -> tuple[str, str]:
        """Return the root as ``INQUIRE`` takes it."""
        return (self.path if self.wanted else "none", root_name(self.host))

    def on_controller(self) -> str | None:
        """Return where the root is on the controller, in a directory that exists."""
        if not self.wanted:
            return None
        state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
        roots = Path(state, "nix.fleet", "gcroots", "built")
        if not self.path and roots.is_symlink():
            roots.unlink()
        root = Path(self.path) if self.path else roots / root_name(self.host)
        root.parent.mkdir(parents=True, exist_ok=True)
        return str(root)


def on_controller(build: Build, root: Root, environment: Mapping[str, str]) -> Built:
    """Build on the controller, with ``environment`` added to ours."""
    link = None if build.dry_run else root.on_controller()
    return dataclasses.replace(build, link=link).on(Controller(with_settings(environment, build.options)))


def on_machine(build: Build, root: Root, shell: Shell) -> Built:
    """Build on another machine, by its own Nix; the derivation or the flake is there."""
    link = None if build.dry_run else _inquire(shell, root).root
    return dataclasses.replace(build, link=link).on(Remote(shell, build.options))


def in_store_of(
    machine: Shell, build: Build, derivation: str, root: Root, open_store: Callable[[], AbstractContextManager[str]]
) -> Built:
    """Build a derivation of the controller's on another machine, through its store.

    The machine is sent what the derivation consists of, and its daemon does the rest by its own settings; its log
    comes here line by line, and the build ends with us.
    """
    outputs = _outputs_of(derivation)
    # In a dry run nothing is written, not even the root.
    asked = dataclasses.replace(root, wanted=root.wanted and not build.dry_run)
    paths = [path for output in outputs for path in output.paths.values()]
    found = _inquire(machine, asked, *paths)
    if found.valid:
        return Built(tuple(outputs))
    if build.dry_run:
        return Built(tuple(outputs), built=(derivation,), uncounted=True)
    if "max-jobs" not in build.options:
        build = dataclasses.replace(build, max_jobs=found.jobs)
    controller = Controller(with_settings(NO_SETTINGS, build.options), memory=MEMORY)
    with open_store() as url:
        built = build.on(controller, store=url, name=machine.host)
    if found.root:
        _protect(machine, built.outputs[0].out_path, found.root)
    return dataclasses.replace(built, warnings=tuple(text for text in built.warnings if OF_NO_SETTINGS not in text))


@dataclasses.dataclass(frozen=True)
class _Inquiry:
    root: str | None
    valid: bool
    jobs: str | None


def _inquire(shell: Shell, root: Root, *paths: str) -> _Inquiry:
    completed = when_free(lambda: shell.run(INQUIRE, *root.arguments(), *paths))
    if not completed.ok:
        cause = f"{shell.host} cannot protect what is built from the garbage collector"
        raise _no_root(cause, completed)
    answers = dict(line.partition(" ")[::2] for line in completed.stdout.splitlines())
    return _Inquiry(answers.get("root") or None, "valid" in answers, answers.get("jobs") or None)


def _protect(shell: Shell, path: str, root: str) -> None:
    completed = when_free(lambda: run_command(shell, *protect(path, root)))
    if not completed.ok:
        gone = "and gone again" if GONE.search(completed.stderr) else "but not protected from the garbage collector"
        raise _no_root(f"{path} is built {gone}", completed, completed.argv)


def _no_root(cause: str, completed: Completed, command: Sequence[str] = ()) -> BuildError:
    """Return why a GC root could not be made."""
    code, advice = "no_gc_root", "name a link that this user may make in gc_root, or none"
    if is_busy(completed.stderr):
        code, advice = "busy", BUSY_ADVICE
    elif GONE.search(completed.stderr):
        code, advice = "gone", GONE_ADVICE
    return BuildError(cause, code=code, command=command, log=completed.stderr, advice=advice)


def _outputs_of(derivation: str) -> list[Output]:
    """Return the outputs of a derivation of the controller's, without building it or asking anyone."""
    command = nix(
        "build", "--json", *LOG_FORMAT, *NO_SUBSTITUTES, "--no-link", "--dry-run", "--", every_output(derivation)
    )
    completed = Controller().run(command)
    if not completed.ok:
        log = NixLog().read_all(completed.stderr)
        raise failure(log, rc=completed.rc, command=command, machine=Controller.name)
    return parse_outputs(completed.stdout)
