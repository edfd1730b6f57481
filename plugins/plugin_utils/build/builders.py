# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remote builders, as Nix writes them down (a line of /etc/nix/machines each), and whether they are there.

https://nix.dev/manual/nix/latest/command-ref/conf-file#conf-builders
"""

from __future__ import annotations

import dataclasses
import json
import re
import typing as t
from urllib.parse import quote

from ..core.errors import BuildError, NixError
from ..core.text import harmless_line, redacted
from ..target.programs import program

if t.TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from ..core.process import Shell

# What stands for Nix's own default in a field.
UNSET = "-"
SSH = ("ssh://", "ssh-ng://")

# How deep files of builders may name each other.
MOST_FILES = 8
LONGEST_CAUSE = 300
# For a builder to let us in and answer.
ANSWER_SECONDS = 5
PROGRAM = program("builders") + "\n"
# What ssh says where a machine answers and lets nobody in.
REFUSED = re.compile(r"Permission denied|Host key verification failed|Too many authentication failures")
# Which of what Nix and ssh print is the reason.
REASON = re.compile(r"^(?:ssh: |error: |kex_|.*(?:denied|failed|refused|timed out|closed|reset))", re.IGNORECASE)


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


def validate_builder_name(name: str, inventory: Container[str]) -> None:
    """Raise ``BuildError`` unless ``name``, the first word of what a task names, is a host or says where a machine is.

    Nix would take any word for the name of a machine, and a misspelt one for a machine that is down.
    """
    if name in inventory or "://" in name or "@" in name or name.startswith("/"):
        return
    raise BuildError(
        f"the builder {name} is neither in the inventory nor an address",
        code="unknown_builder",
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
    port_suffix = f":{port}" if port and int(port) != 22 else ""
    systems, key, *rest = (*fields, UNSET, UNSET)[: max(2, len(fields))]
    known = (
        systems if systems != UNSET else str(variables.get("nix_system") or UNSET),
        key if key != UNSET else _writable(variables.get("ansible_ssh_private_key_file")),
        *rest,
    )
    while known and known[-1] == UNSET:
        known = known[:-1]
    return Builder(f"ssh-ng://{login}{address}{port_suffix}", known)


def _writable(key: t.Any) -> str:
    # A line has no way to write a blank: ssh finds such a key by its own configuration, or not at all.
    return str(key) if key and not re.search(r"[\s;#]", str(key)) else UNSET


@dataclasses.dataclass(frozen=True)
class Health:
    """How a builder is. ``cause`` says why no build may count on it; None for one that a build may count on."""

    builder: Builder
    cause: str | None = None

    @property
    def usable(self) -> bool:
        """Whether a build may count on it."""
        return self.cause is None

    @property
    def warning(self) -> str | None:
        """What to tell of a builder that is left out."""
        return None if self.usable else f"the builder {self.builder.name} is left out: {self.cause}"


def own_builders(shell: Shell) -> list[str]:
    """Return the entries of the machine's own setting ``builders``."""
    unsaid = NixError(
        "Nix does not say which builders it is to use",
        code="no_setting",
        host=shell.host,
        advice="check its nix.conf: `nix config show builders`",
    )
    return entries(shell.run(f"{PROGRAM}builders_setting\n").or_raise(unsaid).stdout)


def expanded(shell: Shell, named: Iterable[str]) -> list[Builder]:
    """Return the builders of ``named`` entries, with those of the files that they name on the machine, each once."""
    left = list(named)
    for _turn in range(MOST_FILES):
        files = [entry[1:].strip() for entry in left if entry.startswith("@")]
        if not files:
            return [*dict.fromkeys(builder_of(entry) for entry in left)]
        answer = shell.run(f'{PROGRAM}builders_files "$@"\n', *files)
        cause = f"a file of builders cannot be read: {', '.join(files)}"
        answer.or_raise(NixError(cause, code="unreadable_builders", host=shell.host))
        left = [entry for entry in left if not entry.startswith("@")] + entries(answer.stdout)
    cause = f"files of builders name each other without end: {', '.join(files)}"
    raise NixError(cause, code="endless_builders", host=shell.host)


def check(shell: Shell, builders: Sequence[Builder], seconds: int = ANSWER_SECONDS) -> list[Health]:
    """Ask all ``builders`` from the machine at once; who has not answered after ``seconds`` is down."""
    if not builders:
        return []
    answer = shell.run(f'{PROGRAM}builders_ask "$@"\n', str(seconds), *(builder.url for builder in builders))
    unasked = NixError(
        "the builders could not be asked how they are",
        code="builders_not_asked",
        host=shell.host,
        advice="see that there are ssh, Nix and a directory for temporary files on the machine that builds",
    )
    return parse(answer.or_raise(unasked).stdout, builders, seconds)


def parse(text: str, builders: Sequence[Builder], seconds: int) -> list[Health]:
    """Read what ``builders_ask`` printed."""
    said: dict[tuple[str, str], list[str]] = {}
    own = False
    for line in text.splitlines():
        number, _blank, rest = line.partition(" ")
        word, _blank, value = rest.partition(" ")
        if number == "own":
            own = True
        said.setdefault((number, word), []).append(value)
    return [
        _health(builder, {word: lines for (of, word), lines in said.items() if of == str(number)}, seconds, own=own)
        for number, builder in enumerate(builders, 1)
    ]


def _health(builder: Builder, said: dict[str, list[str]], seconds: int, *, own: bool) -> Health:
    if said.get("ended") == ["0"]:
        return Health(builder, None if _of_store(said.get("out", ())) else "it answers, and not as a Nix store does")
    if "late" in said or "ended" not in said:
        return Health(builder, f"it has not answered within {seconds} s")
    told = said.get("err", [])
    # Where a daemon builds, it is that one's user who logs in there, which has keys of its own.
    if not own and any(map(REFUSED.search, told)):
        return Health(builder)
    return Health(builder, _cause(told))


def _of_store(lines: Sequence[str]) -> bool:
    try:
        return isinstance(json.loads("\n".join(lines)), dict)
    except (ValueError, RecursionError):
        return False


def _cause(told: Sequence[str]) -> str:
    reasons = [line.strip() for line in told if REASON.match(line.strip())]
    # What ssh says comes before what Nix makes of it, and says more.
    first = next((line for line in reasons if not line.startswith("error:")), None)
    said = first or (reasons or [line for line in told if line.strip()] or ["it gave no reason"])[-1]
    return harmless_line(str(redacted(said))).removeprefix("error: ")[:LONGEST_CAUSE]
