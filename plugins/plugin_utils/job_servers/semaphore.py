# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A project of Semaphore: from the form of its file, where objects go by names, to that of its API, where they go by numbers.

A server is made to hold it: what is missing is made, and what differs is changed. The file is that of
`services/project/types.go`, the API that of `api-docs.yml`, in https://github.com/semaphoreui/semaphore."""

from __future__ import annotations

import collections
import dataclasses
import functools
import json
import re
import typing as t

from ..core.errors import NixError
from ..core.text import HIDDEN, redacted

if t.TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    Object: t.TypeAlias = dict[str, t.Any]
    Numbers: t.TypeAlias = Mapping[str, Mapping[str, int]]

VAULTS = "vaults"
# The template that another one deploys what it has built.
BUILD_TEMPLATE = "build_template"
# Of a variable group, whose values may be secret.
_VARIABLES = frozenset({"json", "env"})
# A server knows of one of them, by how old it is.
ONE_ENVIRONMENT = "environment_id"
SEVERAL_ENVIRONMENTS = "environment_ids"


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of objects: what the API and the file call it, and which of its fields name an object of which other kind.

    ``changes`` says whether one that is there is ever changed.
    """

    path: str
    part: str
    references: Mapping[str, str] = dataclasses.field(default_factory=dict)
    changes: bool = True


# Each after those that it names. What a key holds is told by no server, so that nobody could say whether it differs.
KINDS = (
    Kind("keys", "keys", changes=False),
    Kind("repositories", "repositories", {"ssh_key": "keys"}),
    Kind("inventory", "inventories", {"ssh_key": "keys", "become_key": "keys"}),
    Kind("environment", "environments"),
    Kind("views", "views"),
    Kind(
        "templates",
        "templates",
        {
            "repository": "repositories",
            "inventory": "inventory",
            "environment": "environment",
            "environments": "environment",
            "view": "views",
            BUILD_TEMPLATE: "templates",
        },
    ),
    Kind("schedules", "schedules", {"template": "templates"}),
)


def validate_project(project: Mapping[str, t.Any]) -> None:
    """Raise ``NixError`` for what is no project's file, naming the part."""
    _validate_fields("meta", project.get("meta"), ("name",))
    for kind in KINDS:
        items = project.get(kind.part, [])
        if not isinstance(items, list):
            raise NixError(f"project: {kind.part} is no list", code="semaphore.bad_project")
        for place, item in enumerate(items):
            fields = {"keys": ("name", "type"), "views": ("title",)}.get(kind.path, ("name",))
            _validate_fields(f"{kind.part}[{place}]", item, fields)
        one_of_each_name(f"project: {kind.part}", items, set(map(name_of, items)))


def name_of(item: Object) -> str:
    """Return what an object goes by."""
    name: str = item["name"] if "name" in item else item["title"]
    return name


def one_of_each_name(where: str, items: Sequence[Object], names: Collection[str]) -> None:
    """Raise ``NixError`` for two objects of one of these names: nobody could say which is meant."""
    for name, count in collections.Counter(map(name_of, items)).items():
        if count > 1 and name in names:
            raise NixError(
                f"{where} has two of the name {name!r}",
                code="semaphore.duplicate",
                advice="rename or remove one of them",
            )


def _validate_fields(part: str, item: t.Any, fields: tuple[str, ...]) -> None:
    for field in fields:
        if not isinstance(item, dict) or not isinstance(item.get(field), str):
            raise NixError(f"project: {part} has no {field}", code="semaphore.bad_project")


def body(kind: Kind, item: Object, numbers: Numbers, project: int) -> Object:
    """Return an object of the file as the API takes it; raises ``NixError`` when it names one that is not there."""
    found: Object = {"project_id": project}
    for field, value in item.items():
        named = kind.references.get(field)
        # A backup of 2.10 has no vault of a template that has some.
        if field == VAULTS and not value:
            continue
        if field == VAULTS:
            found[field] = [_vault(vault, numbers) for vault in value]
        elif named is None:
            found[field] = value
        elif isinstance(value, list):
            found[f"{field.removesuffix('s')}_ids"] = [_number(named, name, numbers) for name in value]
        elif value is not None:
            found[f"{field}_id"] = _number(named, value, numbers)
    return found


def _vault(vault: t.Any, numbers: Numbers) -> t.Any:
    """Return a vault's password of a template, with the number of its key."""
    if not isinstance(vault, dict) or not vault.get("vault_key"):
        return vault
    key = _number("keys", vault["vault_key"], numbers)
    return {**{name: value for name, value in vault.items() if name != "vault_key"}, "vault_key_id": key}


def differs(wanted: Object, there: Object) -> bool:
    """Whether the object that is there is another than the one that is wanted. What is empty, a server leaves out."""
    return not _holds(_known(wanted, there), there)


def _known(wanted: Object, there: Object) -> Object:
    unknown = ONE_ENVIRONMENT if SEVERAL_ENVIRONMENTS in there else SEVERAL_ENVIRONMENTS
    known = {field: value for field, value in wanted.items() if field != unknown}
    if VAULTS in known and there.get(VAULTS) and not any("type" in vault for vault in there[VAULTS]):
        known[VAULTS] = [{**vault, "type": None} for vault in known[VAULTS]]
    return known


def merged(there: Object, wanted: Object) -> Object:
    """Return an object with the fields that are wanted, and otherwise as it is: a server takes what it gets for all of it."""
    return {
        **there,
        **{
            field: merged(there[field], value)
            if isinstance(value, dict) and isinstance(there.get(field), dict)
            else value
            for field, value in wanted.items()
        },
    }


def with_variables_of(there: Object, wanted: Object) -> Object:
    """Return what is wanted with the variables that are there besides: all of a group's are one text."""
    found = dict(wanted)
    for field in _VARIABLES.intersection(wanted):
        before, own = _variables(there.get(field)), _variables(wanted[field])
        if before and before.items() >= own.items():
            found[field] = there[field]
        elif before.keys() - own.keys():
            found[field] = json.dumps({**before, **own})
    return found


def difference(wanted: Object, there: Object) -> Object:
    """Return the fields that are to change, before and after it, with the names of variables and none of their values."""
    fields = [field for field, value in _known(wanted, there).items() if not _holds(value, there.get(field))]
    before: Object = {field: there.get(field) for field in fields}
    after: Object = {field: wanted[field] for field in fields}
    for field in _VARIABLES.intersection(fields):
        old, new = _variables(before[field]), _variables(after[field])
        before[field] = {name: HIDDEN for name, value in old.items() if new.get(name) != value}
        after[field] = {name: HIDDEN for name, value in new.items() if old.get(name) != value}
    return {"before": redacted(before), "after": redacted(after)}


def _variables(text: t.Any) -> Object:
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _holds(wanted: t.Any, there: t.Any) -> bool:
    """Whether what is wanted is there, among what a server adds: it tells fields that nobody set."""
    if isinstance(wanted, dict) and isinstance(there, dict):
        return all(_holds(value, there.get(field)) for field, value in wanted.items())
    if isinstance(wanted, list) and isinstance(there, list):
        return len(wanted) == len(there) and all(map(_holds, wanted, there))
    # An object of nothing but empty fields is itself left out.
    if isinstance(wanted, dict) and not there:
        return not any(wanted.values())
    return bool((wanted or None) == (there or None))


def _number(kind: str, name: str, numbers: Numbers) -> int:
    try:
        return numbers[kind][name]
    except KeyError:
        raise NixError(
            f"there is no {name!r} among the project's {kind}",
            code="semaphore.unknown_name",
            advice="make it in Semaphore first, or say what is in it (secrets; semaphore_machine_key and its like)"
            if kind == "keys"
            else None,
        ) from None


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
        """Return both, without the line break that a file may end with; raises ``NixError`` for what can be neither.

        Nothing that is raised has the token in it.
        """
        url, token = url.strip(), token.strip()
        if not ADDRESS.fullmatch(url):
            raise NixError(
                # A password may stand before the name.
                f"{url.rpartition('@')[2]!r} is not the address of a server: https:// and its name are needed",
                code="semaphore.bad_address",
                advice="write it as a browser shows it, such as https://semaphore.example",
            )
        if not token:
            raise NixError(
                f"there is no token for {redacted(url)}",
                code="semaphore.no_token",
                advice="make one with the server (User settings, API Tokens), and set SEMAPHORE_TOKEN or the module's token",
            )
        if not TOKEN.fullmatch(token):
            raise NixError(
                "the token is none: it has a space, a line break or a character beyond ASCII in it",
                code="semaphore.bad_token",
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
    """What is asked, by a path below that of the API; raises ``NixError`` when the server refuses."""

    def get(self, path: str) -> list[Object]:
        """Return the objects there."""

    def one(self, path: str) -> Object:
        """Return the object there, with the fields that a list leaves out."""

    def post(self, path: str, item: Object) -> None:
        """Make an object."""

    def put(self, path: str, item: Object) -> None:
        """Change an object."""


def _in_order(items: list[Object]) -> Iterator[list[Object]]:
    """Yield those together that name none of those left."""
    while items:
        left = set(map(name_of, items))
        ready = [item for item in items if item.get(BUILD_TEMPLATE) not in left] or items
        yield ready
        items = [item for item in items if item not in ready]


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
            path = f"project/{number}/{kind.path}"
            numbers[kind.path] = {name_of(item): item["id"] for item in self._there(path)}
            as_body = functools.partial(body, kind, numbers=numbers, project=number)
            for items in _in_order(self._wanted(kind)):
                numbers[kind.path] |= self._brought_about(path, items, as_body, changes=kind.changes)

    def _validate_references(self, project: int) -> None:
        """Raise ``NixError`` for a name of nothing that is there or wanted, before anything is made."""
        numbers: dict[str, dict[str, int]] = {}
        for kind in KINDS:
            wanted, there = self._wanted(kind), self._there(f"project/{project}/{kind.path}")
            numbers[kind.path] = {name_of(item): NOT_YET for item in (*wanted, *there)}
            for item in wanted:
                body(kind, item, numbers, project)
            one_of_each_name(kind.path, there, set(map(name_of, self.project.get(kind.part, []))))

    def _there(self, path: str) -> list[Object]:
        """Return what was at ``path`` at first, asked for once: nothing, of a project that a check has not made."""
        if path.startswith(f"project/{NOT_YET}/"):
            # A server makes it with each project.
            return [{"name": "None", "type": "none", "id": NOT_YET}] if path.endswith("/keys") else []
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
        there = {name_of(item): item for item in self._there(path)}
        missing = [item for item in items if name_of(item) not in there]
        for item in items:
            present = there.get(name_of(item))
            if present is None:
                self.made.append(f"{name} {name_of(item)}")
                if not self.check:
                    self.server.post(path, as_body(item))
            elif changes:
                self._changed(path, present, as_body(item))
            elif name_of(item) in self.secrets and (present.get("empty") or self.replace_keys):
                self._fill(path, present, as_body(item))
        if missing and not self.check:
            there = {name_of(item): item for item in self.server.get(path)}
        return {**{name_of(item): NOT_YET for item in missing}, **{key: item["id"] for key, item in there.items()}}

    def _changed(self, path: str, present: Object, wanted: Object) -> None:
        """Give an object the fields that are wanted, and leave it those that nobody named."""
        place, label = f"{path}/{present['id']}", f"{path.rpartition('/')[2]} {name_of(present)}"
        if VAULTS in wanted:
            # A list of templates leaves them out.
            present = self.server.one(place)
        wanted = with_variables_of(present, wanted)
        if not differs(wanted, present):
            return
        if not self.check:
            before = self.server.one(place)
            self.server.put(place, merged(before, {**wanted, "id": before["id"]}))
            # An old server forgets the fields that it does not know, and gives vaults other numbers.
            if difference(wanted, self.server.one(place)) == difference(wanted, before):
                return
        self.changed.append(label)
        self.differences.append(
            {**dict.fromkeys(("before_header", "after_header"), label), **difference(wanted, present)}
        )

    def _fill(self, path: str, present: Object, wanted: Object) -> None:
        self.changed.append(f"{path.rpartition('/')[2]} {present['name']}")
        if not self.check:
            self.server.put(f"{path}/{present['id']}", {**wanted, "id": present["id"], "override_secret": True})
