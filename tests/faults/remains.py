# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a deployment must not leave behind, on a target, on a builder and on the controller."""

from __future__ import annotations

import os
import re
import signal
import time
import typing as t
from collections import Counter
from pathlib import Path

if t.TYPE_CHECKING:
    from .deployment import Deployment
    from .fleet import Machine

from .deployment import processes_with

LONGEST_WAIT = 30.0
# One line a thing: processes, mounts, sockets, files and locks. What a system writes for itself in /run is left out, and
# so is what a deployment is to leave: its journal, its last run's log and outcome, and the root of what was copied.
_LIST = r"""
for process in /proc/[0-9]*; do
    line=$(tr '\0' ' ' <"$process/cmdline" 2>/dev/null) && [ -n "$line" ] && [ "${process#/proc/}" != $$ ] &&
        echo "process $line"
done
sed 's/^/mount /' /proc/mounts
awk '$NF ~ /^\// { print "socket " $NF }' /proc/net/unix
awk '$4 == "0A" { print "listening " $2 }' /proc/net/tcp /proc/net/tcp6 2>/dev/null
for place in /tmp /var/tmp /root /home /Library /Users /run /dev/shm /data/data/com.termux.nix/files/home; do
    [ ! -d "$place" ] || find "$place" -xdev \( -path /run/systemd -o -path /run/log -o -path /run/udev \
        -o -path /run/nixos -o -path '*/.cache' -o -path '*/.local/state' -o -path '*/.nix-defexpr' \) -prune \
        -o -print 2>/dev/null | sed 's/^/file /'
done
for lock in /nix/store/*.lock /nix/var/nix/temproots/*; do
    # The file of a lock that nobody holds is what Nix leaves where it is killed, and takes away when it comes by again.
    [ ! -e "$lock" ] || ! command -v flock >/dev/null || flock -n "$lock" true || echo "lock $lock"
done
for state in /var/lib/nix.fleet /home/*/.local/state/nix.fleet /data/data/com.termux.nix/files/home/.local/state/nix.fleet; do
    [ -d "$state" ] || continue
    ls -d "$state"/lock* "$state"/takeover* "$state"/*.new 2>/dev/null | sed 's/^/lock /'
    find "$state/runs" -type l ! -name worker ! -name boot -o -name 'reserve*' -o -name '*.new' -o -name program -size +0 2>/dev/null |
        sed 's/^/file /'
done
"""
# What belongs to a machine itself: whoever looks, services that start on demand, and init's own.
_OWN = re.compile(
    r"process (/bin/sh -c PATH=|sleep |awk |sed |find |tr |sh -c |\S*nix-daemon --daemon|\S*systemd|\(sd-|/sbin/init|\S*agetty|\S*dbus)"
    r"|file /run/(nologin|utmp|sshd|current-system|booted-system|lock|sudo|user|dbus|nscd|mount|initctl|motd|launchd)\S*"
    r"|file (/var)?/tmp/systemd-private-|file /run/nix\.fleet(/acting-[^/]*)?$"
    r"|file /home/alice/\.|file /tmp/faults-|file \S*/\.(local$|ansible|nix-profile|bash_history|sh_history)"
    r"|mount (?:tmpfs|overlay|none) /run/(?:credentials|user)|mount none /run/credentials"
    # A fault of its own, which lasts until everything has been looked at.
    r"|mount tmpfs /var/lib/nix\.fleet "
    r"|socket /run/(systemd|dbus|user)|socket @"
)


def _normal(line: str) -> str:
    """Return a line without what is another each time: store paths' hashes, and the numbers of processes and mounts."""
    line = re.sub(r"/nix/store/[0-9a-z]{32}-", "/nix/store/", line)
    return re.sub(r"\b[0-9]{2,}\b", "#", line) if line.startswith("process") else line


def on(machine: Machine) -> Counter[str]:
    """Return all that there is on a machine and might have been left there by a deployment."""
    lines = map(_normal, machine.says(_LIST).splitlines())
    return Counter(line for line in lines if not _OWN.match(line))


def left_on(
    machine: Machine, before: Counter[str], allowed: t.Sequence[str] = (), seconds: float = LONGEST_WAIT
) -> list[str]:
    """Return what a machine has more than before, when that does not go away within a while; ``allowed`` is in its lines."""
    deadline = time.monotonic() + seconds
    while True:
        more = [line for line in on(machine) - before if not any(words in line for words in allowed)]
        if not more or time.monotonic() > deadline:
            return [f"{machine.name}: {line}" for line in more]
        time.sleep(0.5)


def end_sessions(machine: Machine) -> None:
    """End the ssh sessions that Ansible keeps for the next run: they are its own, and hold processes on the machine."""
    for pid in sessions(machine):
        os.kill(pid, signal.SIGTERM)


def sessions(machine: Machine) -> list[int]:
    """Return the processes of ssh that keep Ansible's sessions with the fleet of a machine."""
    kept = str(machine.fleet.clone.control_paths)
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_text()
        except OSError:
            continue
        if line.startswith("ssh: ") and kept in line:
            found.append(int(process.name))
    return found


def left_on_controller(deployment: Deployment, *, killed: bool, seconds: float = LONGEST_WAIT) -> list[str]:
    """Return the processes and temporary files of a run that has ended, when they do not go away within a while.

    Who is killed cannot remove a thing: what may be left then is Ansible's own temporary directory.
    """
    deadline = time.monotonic() + seconds
    while True:
        left = [f"controller: process {line}" for line in processes_with(deployment.mark).values()]
        for path in deployment.temporary.iterdir():
            if not (killed and path.name.startswith("ansible-local-")):
                left.append(f"controller: file {path}")
        mounts = Path("/proc/self/mounts").read_text().splitlines()
        left += [f"controller: mount {line}" for line in mounts if str(deployment.directory) in line]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.3)
