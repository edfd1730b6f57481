# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every action of the collection shares: the one place that talks to Ansible."""

from __future__ import annotations

import contextlib
import functools
import pathlib
import re
import shlex
import sys
import time
import typing as t

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.module_utils.common.yaml import yaml_load
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..core.errors import NixError
from ..core.text import harmless
from ..report.nix_activities import Activities, notes_wanted, write_notes
from ..report.progress import Progress, has_reader, send
from ..report.table import note
from .connections import advice_of_unknown, new_connection, validate_host_key_checking
from .run import end_with_run, let_threads_print, no_room, progress_pipe, run_state, watch_run
from .shell import QUESTION_SECONDS, ConnectionShell, bounded
from .terminal import TerminalShell, wants_terminal, without_terminal
from .variables import STATE_DIRECTORY, plain, validate_limit, validate_question, validate_variables

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ..core.process import Shell
    from ..nix.log import NixLog

    # Ansible's own way to run a command, and ours, which has all that is to be said of it but these two.
    LowLevel = Callable[..., Mapping[str, t.Any]]
    Execute = Callable[[str, bytes | None], dict[str, t.Any]]


display = Display()
# Asked when Ansible loads the action, before it forks: a worker's own standard output is no terminal.
ON_TERMINAL = sys.stdout.isatty()


PLUGINS = pathlib.Path(__file__).parents[2]
# What documentation has no word for: options whose values are secrets.
SECRETS = ("content", "disk_encryption_keys", "host_keys", "secrets", "token")
FIELDS = ("type", "elements", "required", "default", "choices", "aliases")


def argument_spec_of(module: str) -> dict[str, t.Any]:
    """Return the options of ``module`` as Ansible validates them: as its documentation, with the fragments of that, has them."""
    documentation = _documentation("modules", module, "DOCUMENTATION")
    options: dict[str, t.Any] = documentation.get("options", {})
    for name in documentation.get("extends_documentation_fragment", ()):
        file, *part = name.split(".")[2:]
        fragment = _documentation("doc_fragments", file, part[0].upper() if part else "DOCUMENTATION")
        for option, described in fragment.get("options", {}).items():
            # A module may say part of a fragment's option otherwise.
            options[option] = {**described, **options.get(option, {})}
    return _argument_spec(options)


def _documentation(kind: str, file: str, name: str) -> dict[str, t.Any]:
    # Read, and not imported: this is asked for in each run.
    text = (PLUGINS / kind / f"{file}.py").read_text(encoding="utf-8")
    found = re.search(rf'^ *{name} = r"""\n(.*?)"""', text, re.MULTILINE | re.DOTALL)
    return dict(yaml_load(found[1])) if found else {}


def _argument_spec(options: Mapping[str, t.Any]) -> dict[str, t.Any]:
    return {
        name: {
            **{field: described[field] for field in FIELDS if field in described},
            "no_log": name in SECRETS,
            **({"options": _argument_spec(described["suboptions"])} if "suboptions" in described else {}),
        }
        for name, described in options.items()
    }


class NixAction(ActionBase):
    """An action: options in, one call into the program, result out.

    A subclass writes ``perform``; its options are those that the module of its name documents. Whatever it raises as
    ``NixError`` becomes the failure of this host, with every field of the error in the result. ``known_hosts_only``: whether it refuses a
    machine that may be any other, and one that is to be named and is not, since it brings it something or runs something there, and
    does not only look.
    """

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    argument_spec: t.ClassVar[dict[str, t.Any]]
    constraints: t.ClassVar[dict[str, t.Any]] = {}
    known_hosts_only: t.ClassVar[bool] = True

    def __init_subclass__(cls) -> None:
        """Read the options once, when Ansible loads the action, before it forks."""
        super().__init_subclass__()
        if "argument_spec" not in vars(cls):
            cls.argument_spec = argument_spec_of(cls.__module__.rpartition(".")[2])

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Validate the task's options and perform it."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        self.variables: dict[str, t.Any] = task_vars or {}
        watch_run()
        let_threads_print()
        without_terminal(self._connection)
        try:
            validate_variables(self)
            validate_question(self)
            if self.known_hosts_only:
                validate_limit(self)
            # Plain before they are checked, which copies each of them: a tagged string takes as long as all the rest.
            self._task.args = plain(self._task.args)
            _validation, options = self.validate_argument_spec(argument_spec=self.argument_spec, **self.constraints)
            result.update(_printable(self._perform(options)))
        except NixError as error:
            error.host = error.host or self.host
            result.update(_failed(error))
        except OSError as error:
            told = no_room(error)
            if told is None:
                raise
            told.host = self.play_host
            result.update(_failed(told))
        return result

    def _perform(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        try:
            return self.perform(options)
        except AnsibleConnectionFailure as error:
            if self.host == self.play_host:
                raise
            # Ansible would call the play host unreachable, which nobody has tried to reach.
            known = self.host in self.variables.get("hostvars", {})
            raise NixError(
                f"{self.host}, which this task is delegated to, cannot be reached: {error}",
                code="builder_unreachable",
                advice=f"see that {self.host} is up, or delegate to another machine (deploy_build_on)"
                if known
                else advice_of_unknown(self.variables, self.host),
            ) from error

    def perform(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """Do the work and return the result's fields, ``changed`` among them."""
        raise NotImplementedError

    @property
    def play_host(self) -> str:
        """The inventory host that the task is for."""
        return str(self.variables.get("inventory_hostname", "localhost"))

    @property
    def inventory_sources(self) -> list[str]:
        """What the run's inventory is read from."""
        return [str(source) for source in self.variables.get("ansible_inventory_sources") or ()]

    @property
    def host(self) -> str:
        """The inventory host that the task runs on: the play host, or the one it is delegated to."""
        return str(self._task.delegate_to or self.play_host)

    @property
    def on_controller(self) -> bool:
        """Whether the task runs on the controller as the user who runs Ansible."""
        return self._connection.transport == "local" and not self.escalates

    @property
    def environment(self) -> dict[str, str]:
        """The task's `environment`, which Ansible gives to what it runs over a connection, and we to what we run here."""
        given: dict[str, t.Any] = {}
        self._compute_environment_string(given)
        return {name: str(value) for name, value in plain(given).items()}

    @property
    def check_mode(self) -> bool:
        """Whether nothing may be changed."""
        return bool(self._task.check_mode)

    @property
    def diff_mode(self) -> bool:
        """Whether changes are to be shown."""
        return bool(self._task.diff)

    @property
    def shell(self) -> Shell:
        """The shell of the machine that the task runs on, as the user that it escalates to."""
        return self.shell_within(None)

    @property
    def questions(self) -> Shell:
        """The same, for what any machine answers sooner or later: one that does not is not waited for."""
        return self.shell_within(QUESTION_SECONDS)

    def shell_for_secrets(self, seconds: float | None, *, allow_disk: bool) -> Shell:
        """Return the same as ``shell_within``, for scripts with what must come to no disk unless ``allow_disk``."""
        execute = self._execution(self._low_level_execute_command, seconds)
        return self._escalated(execute, self.login_shell, allow_disk=allow_disk)

    def shell_within(self, seconds: float | None) -> Shell:
        """Return the same, for scripts that end within ``seconds`` or are given up."""
        return self.shell_for_secrets(seconds, allow_disk=True)

    def fresh_shell_within(self, seconds: float) -> Shell:
        """Return the same over a connection that shares no session with any other, made for each script."""
        execute = self._execution(self._execute_afresh, seconds)
        return self._escalated(execute, self._login(self._execute_afresh, seconds))

    @property
    def login_shell(self) -> ConnectionShell:
        """The same machine's shell as the user who logs in, without escalation."""
        return self._login(self._low_level_execute_command)

    def announce(self, text: str) -> None:
        """Print one line about this host, folded where that is the terminal and is too narrow for it."""
        line = f"{self.play_host}: {harmless(text)}"
        width = t.cast("int", display.columns)
        if ON_TERMINAL and len(line) > width:
            line = "\n".join(each.text for each in note(line, width, indent=""))
        display.display(line)

    @property
    def followed(self) -> bool:
        """Whether somebody shows what each host does at the moment, so that no lines need to be printed of it."""
        return has_reader(progress_pipe())

    def doing(self, text: str, *, seconds: float | None = None, deployment: str = "") -> None:
        """Say what this host does now, in a few words; in ``seconds`` ``deployment`` is undone, unless it is confirmed."""
        send(progress_pipe(), Progress(self.play_host, text, seconds, deployment))

    @contextlib.contextmanager
    def traced(self) -> Iterator[Callable[[str], None]]:
        """Yield what each line of a Nix command's log is to be handed to as it comes, for the trace of this run."""
        state = run_state()
        if not notes_wanted(state):
            yield lambda _line: None
            return
        activities = Activities(time.monotonic)
        try:
            yield activities.read
        finally:
            write_notes(state, self.play_host, activities.slices())

    @property
    def escalates(self) -> bool:
        """Whether the task runs as another user than the one who logs in."""
        return bool(self._connection.become)

    def _login(self, low_level: LowLevel, seconds: float = QUESTION_SECONDS) -> ConnectionShell:
        if self.known_hosts_only:
            validate_host_key_checking(self)
        execute = self._execution(functools.partial(low_level, sudoable=False), seconds)
        environment = f"{self._compute_environment_string().strip()} {self._state_directory()}"
        return ConnectionShell(self.host, execute, environment.strip())

    def _state_directory(self) -> str:
        """Return what tells a machine where it keeps the journal and what a deployment needs after a loss of power."""
        hostvars = self.variables.get("hostvars", {})
        named = hostvars[self.host].get(STATE_DIRECTORY) if self.host in hostvars else None
        if not named:
            return ""
        path = plain(str(named))
        if not pathlib.PurePosixPath(path).is_absolute():
            raise NixError(
                f"{STATE_DIRECTORY} is not an absolute path: {path!r}",
                code="bad_state_directory",
                host=self.host,
                advice="name it with its beginning /",
            )
        return f"NIX_FLEET_STATE_DIRECTORY={shlex.quote(path)}"

    def _escalated(self, execute: Execute, login: ConnectionShell, *, allow_disk: bool = True) -> Shell:
        if wants_terminal(self._connection.become):
            return TerminalShell(login, execute, login.environment, allow_disk=allow_disk)
        return ConnectionShell(self.host, execute, login.environment)

    def _execution(self, low_level: LowLevel, seconds: float | None) -> Execute:
        def execute(command: str, data: bytes | None) -> dict[str, t.Any]:
            with bounded(self.host, seconds):
                return dict(low_level(command, in_data=data))

        return execute

    def _execute_afresh(self, command: str, **rest: t.Any) -> Mapping[str, t.Any]:
        # Such a connection brings a confirmation, or looks whether the machine is back. Without a run nobody would be told.
        end_with_run()
        shared = self._connection
        self._connection = new_connection(shared)
        try:
            return dict(self._low_level_execute_command(command, **rest))
        finally:
            self._connection = shared


def warnings_of_nix(of_nix: Iterable[str], ours: Iterable[str] = ()) -> dict[str, list[str]]:
    """Return what Nix warned of, and what we do, as a field of the result.

    No host is named in it: what Nix says for many hosts, Ansible then shows once.
    """
    warnings = [*ours, *(f"Nix: {text}" for text in of_nix)]
    return {"warnings": warnings} if warnings else {}


def _failed(error: NixError) -> dict[str, t.Any]:
    # Returned, not raised: ansible-core 2.19 and later print an exception, and then the result that says the same.
    return _printable({"changed": False, **error.to_result(), "failed": True, "msg": error.headline})


# What Ansible prints of a result as it is.
PRINTED = ("msg", "warnings", "diff")


def _printable(result: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return ``result`` such that no machine's words reach the terminal as orders."""
    return {name: _harmless_throughout(value) if name in PRINTED else value for name, value in result.items()}


def _harmless_throughout(value: t.Any) -> t.Any:
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, (list, tuple)):
        return [_harmless_throughout(item) for item in value]
    if isinstance(value, dict):
        return {name: _harmless_throughout(item) for name, item in value.items()}
    return value


# Where lines are printed of it, and where somebody shows it as it goes.
PRINTED_SECONDS = 10.0
FOLLOWED_SECONDS = 0.2


def following(
    action: NixAction, log: NixLog, watch: Callable[[str], None] = lambda _line: None, *, each: bool = False
) -> Callable[[str], None]:
    """Return what hands each line to ``log`` and ``watch``, and says now and then how far that is.

    ``each``: where somebody shows it as it goes, whatever begins is said at once, since it may be silent from then on.
    """
    last = time.monotonic()
    followed = action.followed
    pause, tell = (FOLLOWED_SECONDS, action.doing) if followed else (PRINTED_SECONDS, action.announce)

    def follow(line: str) -> None:
        nonlocal last
        watch(line)
        begun = log.read(line)
        if begun:
            display.vv(begun, host=action.host)
        due = time.monotonic() - last > pause or (begun and each and followed)
        if due and (progress := log.progress):
            last = time.monotonic()
            tell(progress)

    return follow


def content_of_file(action: ActionBase, error: type[NixError], label: str, file: str) -> bytes:
    """Return what ``file`` of the controller holds, looked for as Ansible's own modules do, a vault's without its cipher."""
    # A playbook of a collection is not where its user's files are.
    here = pathlib.Path.cwd() / file
    try:
        try:
            place = str(action._find_needle("files", file))
        except AnsibleError:
            if not here.is_file():
                raise
            place = str(here)
        # In memory: `get_real_file` would write what it decrypts to a disk.
        return bytes(action._loader._get_file_contents(place)[0])
    except (AnsibleError, OSError) as cause:
        raise error(
            f"{label}: {file} cannot be read on the controller: {cause}",
            code="unreadable",
            advice="name it from the root, or from where Ansible is started; for a vault give --vault-id",
        ) from cause
