# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""SSH keys of the fleet, and the ssh configuration that leads to its hosts."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .clone import Clone
from .debian import ensure_program
from .hosts import Host
from .run import run


@dataclass(frozen=True)
class HostAccess:
    """What a host has to be given so that the controller, and only it, can log in."""

    host_key: Path
    authorized_key: str
    password: str


def client_key(clone: Clone) -> Path:
    return clone.state / "keys" / "client"


def prepare_access(clone: Clone, hosts: Sequence[Host]) -> dict[str, HostAccess]:
    """Keys for each host and for the controller, made once per fleet."""
    ensure_program("ssh-keygen", "openssh-client")
    keys = clone.state / "keys"
    keys.mkdir(parents=True, exist_ok=True)
    keys.chmod(0o700)
    client = client_key(clone)
    _make_key(client, "rehearsal fleet")
    password = keys / "become-password"
    if not password.exists():
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(18))
    for host in hosts:
        _make_key(keys / host.name, host.name)
    authorized = client.with_suffix(".pub").read_text()
    return {host.name: HostAccess(keys / host.name, authorized, password.read_text()) for host in hosts}


def _make_key(path: Path, comment: str) -> None:
    if path.with_suffix(".pub").exists():
        return
    path.unlink(missing_ok=True)
    unfinished = path.with_name(f".{path.name}")
    for leftover in (unfinished, unfinished.with_suffix(".pub")):
        leftover.unlink(missing_ok=True)
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(unfinished)])
    shutil.move(unfinished, path)
    shutil.move(f"{unfinished}.pub", f"{path}.pub")


def write_ssh_config(clone: Clone, hosts: Sequence[Host], ports: Mapping[str, int]) -> None:
    """Lead ssh from the addresses of the Nix inventory, and from the hosts' names, to the lab."""
    known_hosts = clone.state / "known_hosts"
    known = []
    for host in hosts:
        key = (clone.state / "keys" / f"{host.name}.pub").read_text().split()
        known += [f"{address} {key[0]} {key[1]}\n" for address in host.addresses]
    known_hosts.write_text("".join(known))
    blocks = ["# Written by the rehearsal fleet. `ssh -F` this file, then a host's name or its address in nodes.nix.\n"]
    blocks += [block for host in hosts for block in _host_blocks(clone, host, ports[host.name])]
    blocks.append(_common_block(client_key(clone), known_hosts))
    unfinished = clone.ssh_config.with_suffix(".unfinished")
    unfinished.write_text("\n".join(blocks))
    unfinished.replace(clone.ssh_config)


def _host_blocks(clone: Clone, host: Host, port: int) -> list[str]:
    where = f"    HostName {clone.loopback_address(host.number)}\n    Port {port}\n"
    blocks = [f"Host {address}\n    HostKeyAlias {address}\n{where}" for address in host.addresses]
    blocks.append(f"Host {host.name}\n    HostKeyAlias {host.address}\n    User {host.login}\n{where}")
    return blocks


def _common_block(identity: Path, known_hosts: Path) -> str:
    return (
        "Host *\n"
        f'    IdentityFile "{identity}"\n'
        "    IdentitiesOnly yes\n"
        f'    UserKnownHostsFile "{known_hosts}"\n'
        "    GlobalKnownHostsFile /dev/null\n"
        "    StrictHostKeyChecking yes\n"
        "    UpdateHostKeys no\n"
    )
