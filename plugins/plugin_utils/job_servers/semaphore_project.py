# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A project of Semaphore, from the form of its file, where objects go by names, to that of its API, where they go by numbers.

The file is that of `services/project/types.go`, the API that of `api-docs.yml`, in https://github.com/semaphoreui/semaphore.
"""

from __future__ import annotations

import collections
import dataclasses
import json
import typing as t

from ..core.errors import SemaphoreError
from ..core.redacted import HIDDEN, redacted

if t.TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    Object: t.TypeAlias = dict[str, t.Any]
    Numbers: t.TypeAlias = Mapping[str, Mapping[str, int]]

VAULTS = "vaults"
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
    Kind(
        "templates",
        "templates",
        {
            "repository": "repositories",
            "inventory": "inventory",
            "environment": "environment",
            "environments": "environment",
        },
    ),
    Kind("schedules", "schedules", {"template": "templates"}),
)


def validate_project(project: Mapping[str, t.Any]) -> None:
    """Raise ``SemaphoreError`` for what is no project's file, naming the part."""
    _validate_fields("meta", project.get("meta"), ("name",))
    for kind in KINDS:
        items = project.get(kind.part, [])
        if not isinstance(items, list):
            raise SemaphoreError(f"project: {kind.part} is no list", code="bad_project")
        for place, item in enumerate(items):
            _validate_fields(f"{kind.part}[{place}]", item, ("name", "type") if kind.path == "keys" else ("name",))
        one_of_each_name(f"project: {kind.part}", items, {item["name"] for item in items})


def one_of_each_name(where: str, items: Sequence[Object], names: Collection[str]) -> None:
    """Raise ``SemaphoreError`` for two objects of one of these names: nobody could say which is meant."""
    for name, count in collections.Counter(item["name"] for item in items).items():
        if count > 1 and name in names:
            raise SemaphoreError(
                f"{where} has two of the name {name!r}", code="duplicate", advice="rename or remove one of them"
            )


def _validate_fields(part: str, item: t.Any, fields: tuple[str, ...]) -> None:
    for field in fields:
        if not isinstance(item, dict) or not isinstance(item.get(field), str):
            raise SemaphoreError(f"project: {part} has no {field}", code="bad_project")


def body(kind: Kind, item: Object, numbers: Numbers, project: int) -> Object:
    """Return an object of the file as the API takes it; raises ``SemaphoreError`` when it names one that is not there."""
    found: Object = {"project_id": project}
    for field, value in item.items():
        named = kind.references.get(field)
        if named is None:
            found[field] = value
        elif isinstance(value, list):
            found[f"{field.removesuffix('s')}_ids"] = [_number(named, name, numbers) for name in value]
        elif value is not None:
            found[f"{field}_id"] = _number(named, value, numbers)
    return found


def differs(wanted: Object, there: Object) -> bool:
    """Whether the object that is there is another than the one that is wanted. What is empty, a server leaves out."""
    return not _holds(_known(wanted, there), there)


def _known(wanted: Object, there: Object) -> Object:
    unknown = ONE_ENVIRONMENT if SEVERAL_ENVIRONMENTS in there else SEVERAL_ENVIRONMENTS
    return {field: value for field, value in wanted.items() if field != unknown}


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
        raise SemaphoreError(
            f"there is no {name!r} among the project's {kind}",
            code="unknown_name",
            advice="make it in Semaphore first, or say what is in it (secrets)" if kind == "keys" else None,
        ) from None
