# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A remote builder, as Nix writes one down: a line of /etc/nix/machines.

https://nix.dev/manual/nix/latest/command-ref/conf-file#conf-builders
"""

from __future__ import annotations

import dataclasses
import re
import typing as t
from urllib.parse import quote

from ..core.errors import BuildError
from ..core.redacted import redacted

if t.TYPE_CHECKING:
    from collections.abc import Container, Mapping

# What stands for Nix's own default in a field.
UNSET = "-"
SSH = ("ssh://", "ssh-ng://")


@dataclasses.dataclass(frozen=True)
class Builder:
    """The store's address, and what Nix knows of the machine: systems, ssh key, jobs, speed, features, host key."""

    store: str
    fields: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The store's address without what may be a secret in it."""
        return str(redacted(self.store))

    @property
    def line(self) -> str:
        """The builder as a line of /etc/nix/machines."""
        return " ".join((self.store, *self.fields))

    @property
    def url(self) -> str:
        """The store as ``nix --store`` takes it, with the key and the host key that Nix would use."""
        store = self.store if "://" in self.store else f"ssh://{self.store}"
        if not store.startswith(SSH):
            return store
        parameters = {"ssh-key": self._field(1), "base64-ssh-public-host-key": self._field(6)}
        more = "&".join(f"{name}={quote(value, safe='/')}" for name, value in parameters.items() if value)
        if not more:
            return store
        return f"{store}{'&' if '?' in store else '?'}{more}"

    def _field(self, number: int) -> str:
        value = self.fields[number] if number < len(self.fields) else UNSET
        return "" if value == UNSET else value


def entries(text: str) -> list[str]:
    """Return what a value of the setting consists of: lines of machines, and files as ``@/path``."""
    lines = (line.partition("#")[0] for line in text.splitlines())
    return [entry.strip() for line in lines for entry in line.split(";") if entry.strip()]


def see_that_it_is_known(name: str, inventory: Container[str]) -> None:
    """Raise ``BuildError`` unless ``name``, the first word of what a task names, is a host or says where a machine is.

    Nix would take any word for the name of a machine, and a misspelt one for a machine that is down.
    """
    if name in inventory or "://" in name or "@" in name or name.startswith("/"):
        return
    raise BuildError(
        f"the builder {name} is neither in the inventory nor an address",
        advice=f"correct the name, or write ssh-ng://{name} for a machine that is not in the inventory",
    )


def builder_of(entry: str) -> Builder:
    """Read a line."""
    store, *fields = entry.split()
    return Builder(store, tuple(fields))


def builder_at(variables: Mapping[str, t.Any], name: str, fields: tuple[str, ...]) -> Builder:
    """Return an inventory host as a builder; ``fields`` are those of its line behind the address.

    >>> builder_at({"ansible_host": "192.0.2.2", "ansible_user": "root", "nix_system": "x86_64-linux"}, "homelab", ()).line
    'ssh-ng://root@192.0.2.2 x86_64-linux'
    """
    host = str(variables.get("ansible_host") or name)
    user, port = variables.get("ansible_user"), variables.get("ansible_port")
    address = f"[{host}]" if ":" in host else host
    login = f"{user}@" if user else ""
    door = f":{port}" if port and int(port) != 22 else ""
    systems, key, *rest = (*fields, UNSET, UNSET)[: max(2, len(fields))]
    known = (
        systems if systems != UNSET else str(variables.get("nix_system") or UNSET),
        key if key != UNSET else _writable(variables.get("ansible_ssh_private_key_file")),
        *rest,
    )
    while known and known[-1] == UNSET:
        known = known[:-1]
    return Builder(f"ssh-ng://{login}{address}{door}", known)


def _writable(key: t.Any) -> str:
    # A line has no way to write a blank: ssh finds such a key by its own configuration, or not at all.
    return str(key) if key and not re.search(r"[\s;#]", str(key)) else UNSET
