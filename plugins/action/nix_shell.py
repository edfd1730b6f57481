# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a command, or a package of a flake, on a machine without Python; see the module's documentation."""

from __future__ import annotations

import dataclasses
import datetime
import secrets
import typing as t

from ansible.errors import AnsibleActionFail

from ..plugin_utils.adhoc.command import Command, NotRun, Ran, parse_run
from ..plugin_utils.ansible_io.action import NixAction
from ..plugin_utils.ansible_io.connections import opened_if_lacking
from ..plugin_utils.ansible_io.source import absolute_flake
from ..plugin_utils.ansible_io.store_source import source_at
from ..plugin_utils.errors import CommandError
from ..plugin_utils.nix.build import BuildSettings, build, failure, parse_outputs
from ..plugin_utils.nix.log import NixLog
from ..plugin_utils.nix.machine import Remote
from ..plugin_utils.nix.roots import package_root_name
from ..plugin_utils.nix.store import is_store_path
from ..plugin_utils.transport.copying import Copy, CopyLog, verify
from ..plugin_utils.transport.presence import missing_paths

if t.TYPE_CHECKING:
    from ..plugin_utils.transport.source import Source

# What Ansible calls the part of a free form that is no option.
FREE = "_raw_params"
# To connect and to escalate, beside what the command itself may take.
LINK_SECONDS = 60


class ActionModule(NixAction):
    """The action behind ``nix.fleet.nix_shell``."""

    # Of ansible-core 2.19: whether there may be a free form.
    supports_raw_params = True

    argument_spec: t.ClassVar[dict[str, t.Any]] = {
        "cmd": {"type": "str"},
        "argv": {"type": "list", "elements": "str"},
        "package": {"type": "str"},
        "build_on": {"type": "str", "default": "controller"},
        "chdir": {"type": "str"},
        "creates": {"type": "str"},
        "removes": {"type": "str"},
        "stdin": {"type": "str"},
        "stdin_add_newline": {"type": "bool", "default": True},
        "allow_disk": {"type": "bool", "default": False},
        "strip_empty_ends": {"type": "bool", "default": True},
        "nix_options": {"type": "dict", "default": {}},
        "timeout": {"type": "int"},
    }
    constraints: t.ClassVar[dict[str, t.Any]] = {
        "mutually_exclusive": [["cmd", "argv"]],
        "required_one_of": [["cmd", "argv", "package"]],
    }

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Take a free form for the command; see ``NixAction.run``."""
        if FREE in self._task.args:
            if not set(self._task.args) <= {FREE, *self.argument_spec} or "cmd" in self._task.args:
                raise AnsibleActionFail(
                    "Ansible takes what has an equals sign in a free form for an option. Give the command as cmd:"
                    ' cmd="...", or on the command line of ansible -a \'{"cmd": "..."}\''
                )
            self._task.args["cmd"] = self._task.args.pop(FREE)
        return super().run(tmp, task_vars)

    def perform(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """See ``NixAction.perform``."""
        allow_disk = options["allow_disk"]
        if options["package"]:
            # What there is no need to run is not built either.
            needed = self._run(dataclasses.replace(_command(options), stdin=None), check=True, allow_disk=allow_disk)
            if isinstance(needed, NotRun) and (self.check_mode or needed.reason != "would"):
                return _not_run(options, needed)
        paths = self._package(options) if options["package"] else []
        started = datetime.datetime.now(tz=datetime.timezone.utc)
        done = self._run(_command(options, paths), check=self.check_mode, allow_disk=allow_disk)
        ended = datetime.datetime.now(tz=datetime.timezone.utc)
        if isinstance(done, NotRun):
            return _not_run(options, done)
        return {
            **_result(options, done),
            "package_paths": paths,
            "start": started.isoformat(sep=" "),
            "end": ended.isoformat(sep=" "),
            "delta": str(ended - started),
        }

    def _run(self, command: Command, *, check: bool, allow_disk: bool) -> Ran | NotRun:
        mark = f"nix.fleet-{secrets.token_hex(8)}"
        limit = None if command.seconds is None else command.seconds + LINK_SECONDS
        # What the command is to read may be a secret.
        shell = self.shell_for_secrets(limit, allow_disk=allow_disk or command.stdin is None)
        return parse_run(command, mark, shell.run(command.script(mark, check=check)))

    def _package(self, options: dict[str, t.Any]) -> list[str]:
        """Build the package where it is to be built, have the machine have it, and return its paths there."""
        package, builder = options["package"], options["build_on"]
        if builder in ("target", self.host):
            answer = Remote(self.shell, options["nix_options"]).run(build([package], BuildSettings()))
            return _built(answer, machine=self.host)
        if builder == "controller":
            builder = "localhost"
            package = absolute_flake(package, self._loader.get_basedir())
        with source_at(self, builder, nix_options=options["nix_options"]) as source:
            self.doing(f"building {options['package']}")
            log = NixLog()
            answer = source.run(build([package], BuildSettings()), lambda line: _read(log, line))
            paths = _built(answer, machine=source.name)
            self._copy(source, paths)
        return paths

    def _copy(self, source: Source, paths: list[str]) -> None:
        # Of what is deployed, another root is kept.
        root = package_root_name(self.play_host)
        log = CopyLog()
        with opened_if_lacking(self, paths, protect_as=root) as here:
            if here is None:
                return
            self.doing("copying")
            with source.reaching(here.socket) as store:
                verify(source.run(Copy(paths).command(store), lambda line: _read(log, line)), log, host=self.host)
            here.pulse.ask()
        if not here.pulse.kept() and (missing := missing_paths(self.questions, paths, protect_as=root)):
            raise CommandError(f"{missing[0]} is not there, although Nix says that it was copied")


def _read(log: NixLog, line: str) -> None:
    log.read(line)


def _built(answer: t.Any, *, machine: str) -> list[str]:
    if not answer.ok:
        raise failure(NixLog().read_all(answer.stderr), rc=answer.rc, command=answer.argv, machine=machine)
    return [path for output in parse_outputs(answer.stdout) for path in output.paths.values()]


def _command(options: dict[str, t.Any], packages: t.Sequence[str] = ()) -> Command:
    package = options["package"]
    if package is not None and "#" not in package and not is_store_path(package):
        raise CommandError(
            f"{package} is not a package",
            advice="name the flake and the attribute, such as nixpkgs#htop, or a store path",
        )
    if options["argv"] is not None:
        words: tuple[str, ...] = tuple(options["argv"])
    else:
        words = ("sh", "-c", options["cmd"]) if options["cmd"] is not None else ()
    if (options["cmd"] is not None and not options["cmd"].strip()) or options["argv"] == [] or words[:1] == ("",):
        raise CommandError("there is no command", advice="say what to run in cmd or argv")
    stdin = options["stdin"]
    if stdin is not None and options["stdin_add_newline"]:
        stdin += "\n"
    if any("\0" in text for text in (*words, stdin or "")):
        raise CommandError("the command has a null character in it")
    return Command(
        words,
        packages,
        chdir=options["chdir"] or "",
        creates=options["creates"] or "",
        removes=options["removes"] or "",
        stdin=stdin,
        seconds=options["timeout"],
        settings=options["nix_options"],
    )


def _result(options: dict[str, t.Any], done: Ran) -> dict[str, t.Any]:
    stdout, stderr = done.stdout, done.stderr
    if options["strip_empty_ends"]:
        stdout, stderr = stdout.rstrip("\r\n"), stderr.rstrip("\r\n")
    failed = done.late or done.rc != 0
    reason = f"no end after {options['timeout']} s, so it was ended" if done.late else "non-zero return code"
    return {
        "changed": True,
        "failed": failed,
        "cmd": _shown(options),
        "rc": done.rc,
        "stdout": stdout,
        "stdout_lines": stdout.splitlines(),
        "stderr": stderr,
        "stderr_lines": stderr.splitlines(),
        "msg": reason if failed else "",
    }


def _not_run(options: dict[str, t.Any], done: NotRun) -> dict[str, t.Any]:
    """Return the result of what was not run, in the words of ansible.builtin.command."""
    would = done.reason == "would"
    if would:
        msg = "Command would have run if not in check mode"
    elif done.reason == "created":
        msg = f"Did not run command since '{options['creates']}' exists"
    else:
        msg = f"Did not run command since '{options['removes']}' does not exist"
    named = bool(options["creates"] or options["removes"])
    return {
        # Without a file that says so, nobody knows whether it would change anything.
        "changed": would and named,
        "skipped": would and not named,
        "cmd": _shown(options),
        "rc": 0,
        "stdout": "",
        "stdout_lines": [],
        "stderr": "",
        "stderr_lines": [],
        "msg": msg,
    }


def _shown(options: dict[str, t.Any]) -> t.Any:
    return options["argv"] if options["argv"] is not None else options["cmd"] or options["package"]
