# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have a server of Semaphore hold a project: make what is missing, and change what differs."""

from __future__ import annotations

import dataclasses
import functools
import re
import typing as t

from ..core.errors import SemaphoreError
from ..core.redacted import redacted
from .semaphore_project import KINDS, VAULTS, body, difference, differs, merged, one_of_each_name, validate_project

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .semaphore_project import Kind, Object

ADDRESS = re.compile(r"https?://[^/\s]+(/\S*)?", re.IGNORECASE)
# What a header of HTTP carries, of which a bearer's token is one word: RFC 9110, 11.2.
TOKEN = re.compile(r"[!-~]+")


@dataclasses.dataclass(frozen=True)
class Access:
    """A server's address without a slash at its end, and a token."""

    url: str
    token: str = dataclasses.field(repr=False)

    @classmethod
    def of(cls, url: str, token: str) -> Access:
        """Return both, without the line break that a file may end with; raises ``SemaphoreError`` for what can be neither.

        Nothing that is raised has the token in it.
        """
        url, token = url.strip(), token.strip()
        if not ADDRESS.fullmatch(url):
            raise SemaphoreError(
                # A password may stand before the name.
                f"{url.rpartition('@')[2]!r} is not the address of a server: https:// and its name are needed",
                code="bad_address",
                advice="write it as a browser shows it, such as https://semaphore.example",
            )
        if not token:
            raise SemaphoreError(
                f"there is no token for {redacted(url)}",
                code="no_token",
                advice="make one with the server (User settings, API Tokens), and set SEMAPHORE_TOKEN or the module's token",
            )
        if not TOKEN.fullmatch(token):
            raise SemaphoreError(
                "the token is none: it has a space, a line break or a character beyond ASCII in it",
                code="bad_token",
                advice="copy it once more; it is one word",
            )
        return cls(url.rstrip("/"), token)

    def place(self, path: str) -> str:
        """Return the address of ``path`` in the server's API."""
        return f"{self.url}/api/{path}"

    def shown(self, path: str) -> str:
        """Return the same as it may be shown."""
        return t.cast("str", redacted(self.place(path)))


# By the number of what does not exist yet, in a check.
NOT_YET = 0


class Server(t.Protocol):
    """What is asked, by a path below that of the API; raises ``SemaphoreError`` when the server refuses."""

    def get(self, path: str) -> list[Object]:
        """Return the objects there."""

    def one(self, path: str) -> Object:
        """Return the object there, with the fields that a list leaves out."""

    def post(self, path: str, item: Object) -> None:
        """Make an object."""

    def put(self, path: str, item: Object) -> None:
        """Change an object."""


@dataclasses.dataclass
class Setup:
    """One run over all objects of a project, and what it has made and changed, each by kind and name.

    ``replace_keys``: whether keys get what ``secrets`` has for them also where they hold something.
    """

    server: Server
    project: Mapping[str, t.Any]
    secrets: Mapping[str, Object]
    check: bool
    replace_keys: bool = False
    made: list[str] = dataclasses.field(default_factory=list)
    changed: list[str] = dataclasses.field(default_factory=list)
    differences: list[Object] = dataclasses.field(default_factory=list)
    _found: dict[str, list[Object]] = dataclasses.field(default_factory=dict, init=False)

    def run(self) -> None:
        """Bring the project about. Nothing is ever removed."""
        validate_project(self.project)
        meta = self.project["meta"]
        one_of_each_name("projects", self._there("projects"), {meta["name"]})
        there = {item["name"]: item["id"] for item in self._there("projects")}
        self._validate_references(there.get(meta["name"], NOT_YET))
        number = self._brought_about("projects", [meta], dict, changes=False)[meta["name"]]
        numbers: dict[str, dict[str, int]] = {}
        for kind in KINDS:
            numbers[kind.path] = self._brought_about(
                f"project/{number}/{kind.path}",
                self._wanted(kind),
                functools.partial(body, kind, numbers=numbers, project=number),
                changes=kind.changes,
            )

    def _validate_references(self, project: int) -> None:
        """Raise ``SemaphoreError`` for a name of nothing that is there or wanted, before anything is made."""
        numbers: dict[str, dict[str, int]] = {}
        for kind in KINDS:
            wanted = self._wanted(kind)
            for item in wanted:
                body(kind, item, numbers, project)
            there = self._there(f"project/{project}/{kind.path}")
            one_of_each_name(kind.path, there, {item["name"] for item in self.project.get(kind.part, [])})
            numbers[kind.path] = {item["name"]: NOT_YET for item in (*wanted, *there)}

    def _there(self, path: str) -> list[Object]:
        """Return what was at ``path`` at first, asked for once: nothing, of a project that a check has not made."""
        if path.startswith(f"project/{NOT_YET}/"):
            return []
        if path not in self._found:
            self._found[path] = self.server.get(path)
        return self._found[path]

    def _wanted(self, kind: Kind) -> list[Object]:
        items: list[Object] = self.project.get(kind.part, [])
        if kind.path != "keys":
            return items
        # A key that holds something is made only by who says what.
        return [{**item, **self.secrets.get(item["name"], {})} for item in items if self._is_known(item)]

    def _is_known(self, key: Object) -> bool:
        return key["type"] == "none" or key["name"] in self.secrets

    def _brought_about(
        self, path: str, items: list[Object], as_body: Callable[[Object], Object], *, changes: bool
    ) -> dict[str, int]:
        """Return the number of each object at ``path``, by its name, when those that are wanted are there."""
        name = path.rpartition("/")[2]
        there = {item["name"]: item for item in self._there(path)}
        missing = [item for item in items if item["name"] not in there]
        for item in items:
            present = there.get(item["name"])
            if present is None:
                self.made.append(f"{name} {item['name']}")
                if not self.check:
                    self.server.post(path, as_body(item))
            elif changes:
                self._changed(path, present, as_body(item))
            elif item["name"] in self.secrets and (present.get("empty") or self.replace_keys):
                self._fill(path, present, as_body(item))
        if missing and not self.check:
            there = {item["name"]: item for item in self.server.get(path)}
        return {**{item["name"]: NOT_YET for item in missing}, **{key: item["id"] for key, item in there.items()}}

    def _changed(self, path: str, present: Object, wanted: Object) -> None:
        """Give an object the fields that are wanted, and leave it those that nobody named."""
        place, label = f"{path}/{present['id']}", f"{path.rpartition('/')[2]} {present['name']}"
        if VAULTS in wanted:
            # A list of templates leaves them out.
            present = self.server.one(place)
        if not differs(wanted, present):
            return
        if not self.check:
            before = self.server.one(place)
            self.server.put(place, merged(before, {**wanted, "id": before["id"]}))
            # An old server forgets the fields that it does not know.
            if self.server.one(place) == before:
                return
        self.changed.append(label)
        self.differences.append(
            {**dict.fromkeys(("before_header", "after_header"), label), **difference(wanted, present)}
        )

    def _fill(self, path: str, present: Object, wanted: Object) -> None:
        self.changed.append(f"{path.rpartition('/')[2]} {present['name']}")
        if not self.check:
            self.server.put(f"{path}/{present['id']}", {**wanted, "id": present["id"], "override_secret": True})
