# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing the fleet up and down: what `lab up` and `lab down` do, in order."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from . import controller_nix, inotify, links
from .cache import locked
from .cgroup import Cgroup, hierarchy
from .clone import Clone
from .errors import LabError
from .generated_inventory import copy_example, remove_inventory, write_inventory
from .hosts import NAMED_HOSTS, Host, hosts_matching
from .keys import prepare_access, write_ssh_config
from .real_flakes import packages_of_hosts, provide_flakes, provide_store_paths
from .rootfs import root_file_system
from .state import FAILED, OFF, RUNNING, HostState, read_state
from .supervisor import POWER_BUTTON, start_in_background, supervise
from .version import program_version

# An offset for ports that this machine's own servers already listen on.
_ALTERNATIVE_PORTS = 2200


@dataclass(frozen=True)
class Fleet:
    """The hosts of one clone."""

    clone: Clone

    @property
    def cgroup(self) -> Cgroup:
        return Cgroup(hierarchy() / self.clone.cgroup_name)

    def host_cgroup(self, host: Host) -> Cgroup:
        return self.cgroup / "hosts" / host.name

    def supervisor_cgroup(self, host: Host) -> Cgroup:
        return self.cgroup / "supervisors" / host.name

    def state(self, host: Host) -> HostState | None:
        return read_state(self.clone.host_state(host.name))

    def existing(self) -> list[Host]:
        """The hosts that have been brought up, in whatever state they are now."""
        directory = self.clone.state / "hosts"
        names = [path.name for path in directory.iterdir()] if directory.is_dir() else []
        return [host for host in hosts_matching(names) if self.state(host)] if names else []

    def running_state(self, host: Host) -> HostState:
        """The state of a host that is to be there and to have a PID 1."""
        state = self.state(host)
        if state is None:
            raise LabError(f"{host.name}: is not up; `lab up {host.name}` brings it up")
        if state.init is None:
            raise LabError(
                f"{host.name}: is {state.status} ({state.reason or 'no init'}); `lab up {host.name}` starts it"
            )
        return state

    def root(self, host: Host) -> Path:
        """The host's root directory, as seen from this machine."""
        return Path(f"/proc/{self.running_state(host).init}/root")

    def up(self, hosts: Sequence[Host], say: Callable[[str], None]) -> None:
        """Have these hosts running and reachable, whatever was there before."""
        with locked(self.clone.root):
            self.clone.state.mkdir(exist_ok=True)
            nix = controller_nix.provide(self.clone)
            provide_flakes(self.clone, nix)
            provide_store_paths(self.clone, nix)
            say(f"controller: {nix}")
            if hosts:
                self._start(hosts, say)

    def _start(self, hosts: Sequence[Host], say: Callable[[str], None]) -> None:
        root_directory = root_file_system(packages_of_hosts())
        access = prepare_access(self.clone, hosts)
        inotify.allow()
        self._start_forwarder()
        started = []
        for host in hosts:
            state = self.state(host)
            if state and state.status == RUNNING:
                continue
            started.append(host)
            if state and state.status in (OFF, FAILED) and state.boots:
                _press_power_button(state)
                continue
            # Whatever an interrupted run may have left of it.
            self.supervisor_cgroup(host).remove()
            self.host_cgroup(host).remove()
            directory = self.clone.host_state(host.name)
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(parents=True)
            work = partial(supervise, host, access[host.name], root_directory, directory, self.host_cgroup(host))
            start_in_background(
                work, f"lab-{host.name}", directory / "console.log", self.supervisor_cgroup(host).create()
            )
        self._connect([*self.existing(), *hosts])
        password = next(iter(access.values())).password
        named = [host for host in {*self.existing(), *hosts} if host in NAMED_HOSTS]
        if named:
            copy_example(self.clone)
            write_inventory(self.clone, sorted(named, key=lambda host: host.number), password)
        for host in started:
            self.wait_until_reachable(host)
        say(f"up: {len(hosts)} hosts ({len(started)} started)")

    def _start_forwarder(self) -> None:
        # Here, since what it imports takes longer than most commands do.
        from .forwarder import forward

        version = program_version()
        if links.version(self.clone.control_socket) == version:
            return
        group = self.cgroup / "lines"
        group.remove()
        control = self.clone.control_socket
        work = partial(forward, control, self.cgroup, version)
        start_in_background(work, "lab-lines", self.clone.state / "links.log", group.create())
        links.wait_until_serving(control)

    def _connect(self, hosts: Sequence[Host]) -> None:
        """Have the forwarder listen for each host, and ssh know where."""
        unique = sorted(set(hosts), key=lambda host: host.number)
        ports = {}
        for host in unique:
            listening = links.order(
                self.clone.control_socket,
                "listen",
                host=host.name,
                state=str(self.clone.host_state(host.name)),
                address=self.clone.loopback_address(host.number),
                ports=[host.port, *host.more_ports],
                alternatives={str(port): port + _ALTERNATIVE_PORTS for port in (host.port, *host.more_ports)},
            )
            ports[host.name] = int(listening["ports"][str(host.port)])
        write_ssh_config(self.clone, unique, ports)

    def wait_until_reachable(self, host: Host, patience: float = 60.0) -> None:
        """Wait for the host's sshd to answer, on its side of the line."""
        deadline = time.monotonic() + patience
        while not self.answers(host):
            state = self.state(host)
            if state and state.status in (FAILED, OFF):
                raise LabError(f"{host.name}: {state.reason}; see {self.clone.host_state(host.name) / 'console.log'}")
            if time.monotonic() > deadline:
                log = self.clone.host_state(host.name) / "console.log"
                raise LabError(f"{host.name}: sshd did not answer within {patience:.0f} s; see {log}")
            time.sleep(0.05)

    def answers(self, host: Host) -> bool:
        """Whether the host's sshd greets, over the line as it is now."""
        try:
            report = links.order(self.clone.control_socket, "report")[host.name]
            port = int(report["ports"][str(host.port)])
            with socket.create_connection((self.clone.loopback_address(host.number), port), timeout=2) as connection:
                return connection.recv(4) == b"SSH-"
        except (OSError, KeyError):
            return False

    def down(self, hosts: Sequence[Host] | None, say: Callable[[str], None]) -> None:
        """Remove these hosts; or, with None, every trace of the fleet."""
        with locked(self.clone.root):
            if hosts is not None:
                for host in hosts:
                    self._remove(host)
                say(f"down: {', '.join(host.name for host in hosts)}")
                return
            # All at once: nothing that is down there can start anything any more.
            self.cgroup.remove()
            inotify.restore()
            remove_inventory(self.clone, NAMED_HOSTS)
            controller_nix.release(self.clone)
            shutil.rmtree(self.clone.state, ignore_errors=True)
            shutil.rmtree(self.clone.control_paths, ignore_errors=True)
            say("down: nothing is left of the fleet")

    def _remove(self, host: Host) -> None:
        self.supervisor_cgroup(host).remove()
        self.host_cgroup(host).remove()
        if links.version(self.clone.control_socket):
            try:
                links.order(self.clone.control_socket, "forget", host=host.name)
            except LabError as error:
                # It was not up.
                print(error, file=sys.stderr)
        shutil.rmtree(self.clone.host_state(host.name), ignore_errors=True)


def _press_power_button(state: HostState) -> None:
    os.kill(state.supervisor, POWER_BUTTON)
