# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The places where a build can happen: on a machine by its own Nix, or in its store by the controller's."""

from __future__ import annotations

import dataclasses
import os
import re
import time
import typing as t
from pathlib import Path

from ..core.errors import BuildError
from ..core.process import CommandTimeoutError
from ..core.shell import run_command
from ..nix.command import with_settings
from ..nix.log import NixLog, readable
from ..nix.machine import BUSY_ADVICE, MEMORY, Controller, Remote, is_busy, when_free
from ..nix.store import GONE, GONE_ADVICE, STORE_PATH, protect, root_name, store_path_name
from ..target.programs import program
from .build import Output, Progress, build, failure, known_outputs, parse_outputs

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from ..core.process import Completed
    from ..core.shell import Shell
    from ..nix.machine import Machine
    from .build import BuildSettings

# Nix hands the settings of whoever asks to the daemon that builds. What this controller's nix.conf says of sandboxes,
# substituters and systems is of no concern to another machine.
NO_SETTINGS = {"NIX_CONF_DIR": "/nix/var/empty", "NIX_USER_CONF_FILES": "", "NIX_CONFIG": ""}
# What Nix warns of then, where it is root's, is that this group of its defaults is not there. Nothing is built here.
OF_NO_SETTINGS = "build-users-group"

# How a derivation of one output is stored: it is known before it is built where that is.
ONLY_OUTPUT = re.compile(rf'Derive\(\[\("out","({STORE_PATH.pattern})","",""\)\],')
LONGEST_BEGINNING = 1024
# What is missing is Nix's to build, which says then what it fetches.
AS_IT_IS = ("--option", "substitute", "false")
# What a daemon heeds of whoever asks, trusted or not.
ANYBODYS = {"cores", "keep-going", "max-jobs"}
# Settings that say how something is built, and not where.
WAYS_TO_BUILD = {"builders", *ANYBODYS}
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
    """One build to be done: what, how, and whom to tell of its progress, at most once in ``pause`` seconds.

    ``whole`` and ``stream`` are those of ``Progress``. ``watch`` is handed each line of the log, where that comes while the build
    goes on. ``builders`` is asked right before anything is built which remote builders are to be used, if that is not left to
    Nix: nobody waits for them in vain.
    """

    installables: Sequence[str]
    settings: BuildSettings
    link: str | None = None
    dry_run: bool = False
    timeout: float | None = None
    say: Callable[[str], None] | None = None
    pause: float = 2.0
    whole: bool = False
    stream: Callable[[str], None] | None = None
    watch: Callable[[str], None] | None = None
    builders: Callable[[], str | None] | None = None

    def on(self, machine: Machine, *, store: str | None = None, name: str | None = None) -> Built:
        """Build by the Nix of ``machine``, in ``store`` or its own."""
        settings = self.settings
        if self.builders and not self.dry_run:
            settings = dataclasses.replace(settings, builders=self.builders())
        command = build(self.installables, settings, link=self.link, store=store, dry_run=self.dry_run)
        # What serves the store is gone when somebody reads this; what was to be built is there, and its Nix too.
        repeatable = build(self.installables, settings, link=self.link, dry_run=self.dry_run)
        progress = Progress(self.say, time.monotonic, pause=self.pause, whole=self.whole, stream=self.stream)
        watch = self.watch if isinstance(machine, Controller) else None

        def read(line: str) -> None:
            progress.read(line)
            if watch:
                watch(line)

        try:
            completed = machine.run(command, timeout=self.timeout, on_stderr_line=read)
        except CommandTimeoutError as late:
            raise BuildError(
                f"no end of the build after {late.seconds:g} s",
                code="timeout",
                command=readable(repeatable),
                log=progress.log.text,
                advice="allow more seconds in timeout; what is built already is kept",
            ) from late
        log = progress.log
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


def on_controller(build: Build, root: Root, environment: Mapping[str, str], derivation: str | None = None) -> Built:
    """Build on the controller, with ``environment`` added to ours; ``derivation`` is all of it, if it is one."""
    link = None if build.dry_run else root.on_controller()
    # Other settings may mean another store.
    if derivation and link and not set(build.settings.options) - WAYS_TO_BUILD and not environment:
        known = built_before(derivation, link, Controller())
        if known is not None:
            return Built((known,))
    controller = Controller(with_settings(environment, build.settings.options))
    return dataclasses.replace(build, link=link).on(controller)


def on_machine(build: Build, root: Root, shell: Shell) -> Built:
    """Build on another machine, by its own Nix; the derivation or the flake is there."""
    link = None if build.dry_run else _inquire(shell, root).root
    return dataclasses.replace(build, link=link).on(Remote(shell, build.settings.options))


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
    settings = build.settings
    if "max-jobs" not in settings.options:
        settings = dataclasses.replace(settings, max_jobs=found.jobs)
    controller = Controller(with_settings(NO_SETTINGS, settings.options), memory=MEMORY)
    with open_store() as url:
        built = dataclasses.replace(build, settings=settings).on(controller, store=url, name=machine.host)
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
    command = known_outputs(derivation)
    completed = Controller().run(command)
    if not completed.ok:
        log = NixLog().read_all(completed.stderr)
        raise failure(log, rc=completed.rc, command=command, machine=Controller.name)
    return parse_outputs(completed.stdout)


def built_before(derivation: str, root: str, machine: Machine) -> Output | None:
    """Return the output of ``derivation`` when ``root`` leads to it and it is valid on ``machine``, else None.

    The link alone says neither that the store still has it, nor that the collector still knows of the link: it is made anew.
    """
    try:
        with Path(derivation).open(encoding="utf-8", errors="replace") as file:
            output = ONLY_OUTPUT.match(file.read(LONGEST_BEGINNING))
        if output is None or str(Path(root).readlink()) != output[1]:
            return None
    except OSError:
        return None
    if not machine.run([*protect(output[1], root), *AS_IT_IS]).ok:
        return None
    return Output({"out": output[1]}, derivation)
