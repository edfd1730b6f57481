# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's connections: checked host keys, new ones, other hosts' ones, and as links that carry sockets."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import os
import pathlib
import shutil
import tempfile
import typing as t

from ansible import constants
from ansible.errors import AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.connection import ConnectionBase
from ansible.plugins.loader import connection_loader

from ..copy.keepalive import Keepalive
from ..copy.source import ControllerSource, HostSource
from ..copy.ssh import LinkLostError, LocalLink, SshLink, SshSession
from ..copy.store_socket import (
    Escalation,
    Login,
    StoreSocket,
    daemon_hangs_up,
    open_store_socket,
    open_store_socket_if_missing,
)
from ..core.errors import CopyError, NixError
from ..core.process import CommandTimeoutError, run
from .shell import QUESTION_SECONDS, ConnectionShell, bounded
from .terminal import without_terminal

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ..copy.source import Source
    from ..copy.ssh import Link
    from .action import NixAction


CONSENT = "fleet_allow_unknown_hosts"


def validate_host_key_checking(action: NixAction) -> None:
    """Raise ``NixError`` where the task's connection believes any machine, and nobody has consented to that."""
    if _checked(action._connection) or _consented(action):
        return
    raise NixError(
        "the host's key is not checked, so that any machine could answer in its place: host_key_checking is off",
        code="connection.unchecked_key",
        advice=f"set ANSIBLE_HOST_KEY_CHECKING=True (which beats ansible.cfg) or ansible_host_key_checking: true, and have "
        f"the host's key in known_hosts; or set {CONSENT}: true for hosts that may be anybody",
    )


def _checked(connection: t.Any) -> bool:
    try:
        return boolean(connection.get_option("host_key_checking"), strict=False)
    except (KeyError, AnsibleError):
        # Connections without such keys: local, containers.
        return True


def _consented(action: NixAction) -> bool:
    of_host = action.variables if action.host == action.play_host else action.variables["hostvars"].get(action.host, {})
    return boolean(action._templar.template(of_host.get(CONSENT, False)), strict=False)


# ssh takes the first value it reads, so these come before whatever else is said of a shared session.
UNSHARED = "-o ControlMaster=no -o ControlPath=none"


def new_connection(connection: ConnectionBase) -> t.Any:
    """Return a connection to the same machine as ``connection``, with all its options, that is made anew for its use.

    The session that tasks share stays as it is, for them and for the copies that go through it. Connection plugins
    other than ssh are reset where they can be: they have one session at most.
    """
    if connection.transport == "ssh":
        fresh = copy.copy(connection)
        fresh._options = {**connection._options, "ssh_args": f"{UNSHARED} {connection.get_option('ssh_args') or ''}"}
        return fresh
    if type(connection).reset is not ConnectionBase.reset:
        connection.reset()
    return connection


# Seconds without a keepalive after which a machine is given up, and after which it gives us up.
TIMEOUT = 60.0

# The length of a socket's path is limited to that of `sun_path`: 104 on macOS, less what ssh appends while it binds.
SOCKET_PATH_LENGTH = 104 - 20


@dataclasses.dataclass(frozen=True)
class OpenedStore:
    """The store of a machine, served at ``socket`` here and at ``remote`` there, and the link between."""

    socket: pathlib.Path
    remote: StoreSocket
    link: Link
    keepalive: Keepalive


@contextlib.contextmanager
def opened_store(action: NixAction, *, trusted: bool) -> Iterator[OpenedStore]:
    """Yield the store of the machine that the task runs on, at a socket where Nix on the controller reaches it.

    ``trusted``: the user may import paths without signatures wherever escalation or the login allows it at all.
    Otherwise the machine's own daemon is preferred, which knows its proxies and limits: right for building.
    Raises ``LinkLostError`` when the machine went away during the block, whatever the block raised for it.
    """
    remote = open_store_socket(
        action.questions, private=trusted, escalation=_escalation_of(action), timeout=2 * TIMEOUT
    )
    # Compression, which suits derivations and logs, takes an ssh session of its own. When that ends with us, the
    # daemon knows that nobody waits for the build any more; it would not by a shared session.
    with _forwarded(remote, action, TIMEOUT, compression=True) as opened:
        yield opened


@contextlib.contextmanager
def opened_if_missing(
    action: NixAction,
    paths: Sequence[str],
    *,
    gc_root: str,
    timeout: float,
    compression: bool | None,
) -> Iterator[OpenedStore | None]:
    """Yield the same, ``trusted``, of a machine that lacks some of ``paths``; None of one that has and now keeps them all."""
    remote = open_store_socket_if_missing(
        action.questions, paths, gc_root=gc_root, escalation=_escalation_of(action), timeout=2 * timeout
    )
    if remote is None:
        yield None
        return
    with _forwarded(remote, action, timeout, compression) as opened:
        yield opened


def _escalation_of(action: NixAction) -> Escalation | None:
    become = action._connection.become
    if not become:
        return None
    # Plugins of other collections go by their full name.
    method = str(become.name).rpartition(".")[2]
    return Escalation(method, lambda: Login.of(action.login_shell))


@contextlib.contextmanager
def _forwarded(
    remote: StoreSocket, action: NixAction, timeout: float, compression: bool | None
) -> Iterator[OpenedStore]:
    with (
        temporary_directory() as directory,
        link(action._connection, action.host, directory, compression=compression) as way,
        contextlib.ExitStack() as forward,
    ):
        socket = forward.enter_context(way.local_forward(remote.path, directory / "store"))
        with Keepalive(way, remote.keepalive, timeout) as keepalive:
            try:
                yield OpenedStore(socket, remote, way, keepalive)
            except Exception as error:
                # Whatever the block made of it: this may be why.
                keepalive.check()
                if not isinstance(error, CopyError) and daemon_hangs_up(socket, timeout):
                    raise _unreachable(way, remote) from error
                raise
            finally:
                # While the answer to the last question is on its way.
                forward.close()


def _unreachable(way: Link, remote: StoreSocket) -> Exception:
    """Return what it means that nobody answers at ``remote`` although it is forwarded to here."""
    if not way.is_open:
        return LinkLostError(f"{way.host}: the ssh session has ended")
    return CopyError(
        f"the Nix daemon at {remote.path} cannot be reached through the connection",
        code="no_daemon",
        host=way.host,
        advice="sshd there must be OpenSSH and must forward sockets (AllowStreamLocalForwarding, DisableForwarding);"
        " and a daemon must listen there",
    )


def link(
    connection: ConnectionBase, host: str, directory: pathlib.Path, *, compression: bool | None = None
) -> contextlib.AbstractContextManager[Link]:
    """Return the link that ``connection`` makes to ``host``; ``directory`` is where its sockets may be."""
    if connection.transport == "local":
        return contextlib.nullcontext(LocalLink(host))
    if connection.transport != "ssh" or not hasattr(connection, "_build_command"):
        raise CopyError(
            f"closures cannot be copied over the connection plugin {connection.transport}",
            code="connection_plugin",
            host=host,
            advice="use ansible.builtin.ssh or local (ansible_connection)",
        )
    ssh, destination = ssh_command(connection)
    shared = SshLink(host, ssh, destination)
    # Ansible has just used it, if there is one.
    there = shared.has_socket or shared.is_open
    if there and (compression is None or shared.compresses is compression):
        return contextlib.nullcontext(shared)
    # Ansible keeps no session (ControlPersist is off), or not one of the kind that was asked for.
    password = connection.get_option("password") or connection._play_context.password
    return SshSession(
        host, ssh, destination, directory, password=str(password) if password else None, compression=compression
    )


def ssh_command(connection: t.Any) -> tuple[list[str], str]:
    """Return the ssh command line of ``connection`` up to the host, and the host as ssh is to know it."""
    executable = str(connection.get_option("ssh_executable"))
    connection.host = connection.get_option("host") or connection._play_context.remote_addr
    # What ansible-core itself uses for `-O check` and `-O stop`, the same since 2.3: every option of the plugin, and
    # the path of the control socket, which is not to be had otherwise.
    words = [os.fsdecode(word) for word in connection._build_command(executable, "ssh")]
    # Up to 2.18 the command starts with sshpass and the pipe it reads from. No password goes that way here.
    pipe = getattr(connection, "sshpass_pipe", None)
    if pipe and words[0] == "sshpass":
        for descriptor in pipe:
            os.close(descriptor)
    return words[words.index(executable) :], str(connection.host)


def advice_of_unknown(variables: Mapping[str, t.Any], host: str) -> str:
    """Return what to do about a host that is not in the inventory."""
    advice = f"{host} is not in the inventory: check the name (deploy_build_on, source_host, delegate_to)"
    # As each slice of a job has. Nothing else tells that there are slices.
    if "awx_workflow_job_id" in variables:
        advice += "; a slice of a job has its share of the hosts alone: build on the controller or on each host"
    return advice


def connection_to(action: NixAction, host: str) -> ConnectionBase:
    """Return a connection to another inventory host, as its login, set up from its variables as a task's would be."""
    hostvars = action.variables.get("hostvars", {})
    if host not in hostvars:
        raise CopyError(
            f"there is no host {host!r} in the inventory",
            code="unknown_host",
            host=action.host,
            advice=advice_of_unknown(action.variables, host),
        )
    variables = hostvars[host]
    context = action._play_context.copy()
    context.remote_addr = str(variables.get("ansible_host", host))
    context.port = None
    context.remote_user = None
    context.become = False
    # The play's `connection` keyword is about its own hosts.
    usual = "local" if host in constants.LOCALHOST else constants.DEFAULT_TRANSPORT
    name = str(variables.get("ansible_connection", usual)).replace("smart", "ssh")
    connection = connection_loader.get(name, context, new_stdin=None, task_uuid=action._task._uuid)
    if connection is None:
        raise CopyError(f"the connection plugin {name} of {host} was not found", code="no_plugin", host=action.host)
    keywords = action._task.dump_attrs()
    # A task's own timeout and retries are not the connection's, though they share their names.
    keywords["timeout"] = context.timeout
    keywords.pop("retries", None)
    if context.password:
        keywords["password"] = context.password
    names = constants.config.get_plugin_vars("connection", connection._load_name)
    options = {name: variables[name] for name in names if name in variables}
    connection.set_options(task_keys=keywords, var_options={"_extras": {}, **options})
    connection.set_become_plugin(None)
    without_terminal(connection)
    return connection


def link_to(connection: ConnectionBase, host: str) -> contextlib.AbstractContextManager[Link]:
    """Return the link that ``connection`` makes to ``host``, another one than the task's."""
    if connection.transport == "ssh":
        shared = SshLink(host, *ssh_command(connection))
        if shared.is_open:
            return contextlib.nullcontext(shared)
    return _link_after_login(connection, host)


@contextlib.contextmanager
def _link_after_login(connection: ConnectionBase, host: str) -> Iterator[Link]:
    # Ansible itself logs in, in all the ways it can, and says why if it cannot.
    shell_of(connection, host).run("true\n")
    with temporary_directory() as directory, link(connection, host, directory) as way:
        yield way


def shell_of(connection: ConnectionBase, host: str) -> ConnectionShell:
    """Return the shell of ``connection`` as the user who logs in."""

    def execute(command: str, data: bytes) -> dict[str, t.Any]:
        try:
            with bounded(host, QUESTION_SECONDS):
                rc, stdout, stderr = connection.exec_command(command, in_data=data, sudoable=False)
        except AnsibleError as error:
            # Not this task's machine: Ansible would take its own host for unreachable.
            raise CopyError(
                f"{host} cannot be reached: {error.message}",
                code="unreachable",
                advice=f"see what this says: `ansible {host} -m raw -a id`",
            ) from error
        return {"rc": rc, "stdout": os.fsdecode(stdout), "stderr": os.fsdecode(stderr)}

    return ConnectionShell(host, execute)


@contextlib.contextmanager
def temporary_directory() -> Iterator[pathlib.Path]:
    """Yield a directory for sockets, which ends with the block or, at the latest, with Ansible's own temporary one."""
    parent = pathlib.Path(constants.DEFAULT_LOCAL_TMP)
    if len(str(parent)) + len("/fleet-12345678/session") > SOCKET_PATH_LENGTH:
        parent = pathlib.Path("/tmp")
    directory = pathlib.Path(tempfile.mkdtemp(prefix="fleet-", dir=parent))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


# ssh only reads its configuration, in which a `Match exec` may run anything.
SSH_SECONDS = 10.0


def address_of(connection: t.Any) -> str:
    """Return the name or address that ``connection`` is made to, which for ssh is what ssh's configuration makes of it."""
    if connection.transport == "local":
        return "localhost"
    if connection.transport != "ssh" or not hasattr(connection, "_build_command"):
        return str(connection._play_context.remote_addr)
    words, destination = ssh_command(connection)
    try:
        answer = run([*words, "-G", destination], timeout=SSH_SECONDS)
    except (OSError, CommandTimeoutError):
        return destination
    names = [line.partition(" ")[2] for line in answer.stdout.splitlines() if line.startswith("hostname ")]
    return names[0] if names else destination


@contextlib.contextmanager
def source_at(
    action: NixAction, host: str, *, timeout: float = TIMEOUT, nix_options: Mapping[str, t.Any]
) -> Iterator[Source]:
    """Yield the store of ``host``; `localhost` is the controller, unless the inventory says otherwise."""
    # A plugin is loaded and set up anew for each host that is copied to: only where one is of use.
    connection = None if _is_controller(action, host) else connection_to(action, host)
    if connection is None or connection.transport == "local":
        yield ControllerSource(nix_options)
        return
    with link_to(connection, host) as way:
        yield HostSource(way, timeout, nix_options)


def _is_controller(action: NixAction, host: str) -> bool:
    if host not in constants.LOCALHOST:
        return False
    hostvars = action.variables.get("hostvars", {})
    return host not in hostvars or hostvars[host].get("ansible_connection", "local") == "local"
