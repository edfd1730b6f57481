# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a source of nodes is, and what it makes of its data: nodes, whose fields are checked.

A new source is a file with a ``Source`` in it, and a line in ``SOURCES`` of ``loading.py``. ``Check`` is the Python twin of
``inventory/lib/check.nix``: each check gives the value back or stops, naming where it stands. In every field that nix.fleet knows,
null means "not given".
"""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
import typing as t

from ..core.errors import EvaluationError, InventoryError
from ..nix import command as nix_command
from ..platforms.platform import platforms

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence


def quoted(value: t.Any) -> str:
    """Return ``value`` as JSON: the form in which error messages show what was found."""
    return json.dumps(value, ensure_ascii=False)


def shown(name: str) -> str:
    """Return ``name`` as it stands where that cannot mislead a reader, else quoted."""
    return name if name.isprintable() and name == name.strip() and name else quoted(name)


def kind(value: t.Any) -> str:
    """Return what ``value`` is, in Nix's words."""
    if value is None:
        return "null"
    kinds: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (bool, "a boolean"),
        ((int, float), "a number"),
        (str, "a string"),
        (list, "a list"),
        (dict, "a set"),
    )
    return next((word for types, word in kinds if isinstance(value, types)), "a value")


def one_letter_off(word: str, other: str) -> bool:
    """Whether a letter more, less or of another kind, or two neighbours exchanged, make one of the other."""
    left, right = list(word), list(other)
    for end in (0, -1):
        while left and right and left[end] == right[end]:
            left.pop(end), right.pop(end)
    return max(len(left), len(right)) == 1 or (len(left) == len(right) == 2 and left == right[::-1])


@dataclasses.dataclass(frozen=True)
class Check:
    """The checks for one place of an inventory, such as ``node vps-1``."""

    where: str

    def failure(self, problem: str) -> InventoryError:
        """Return the error that ``problem`` at this place is."""
        return InventoryError(f"{self.where}: {problem}", code="invalid")

    def whole(self, value: t.Any) -> dict[str, t.Any]:
        """Check the thing itself, not one of its fields."""
        if isinstance(value, dict):
            return value
        raise self.failure(f"must be a set, not {kind(value)}")

    def set(self, field: str, value: t.Any) -> dict[str, t.Any]:
        """Check a field that holds a set."""
        if value is None:
            return {}
        if isinstance(value, dict):
            return value
        raise self.failure(f"{field} must be a set, not {kind(value)}")

    def spelt(self, known: Iterable[str], given: dict[str, t.Any]) -> dict[str, t.Any]:
        """Check that no field is one letter off a ``known`` one, which was meant; all others are the user's own."""
        there = sorted(known)
        for field in sorted(given.keys() - there):
            for meant in there:
                if one_letter_off(field, meant):
                    raise self.failure(
                        f"unknown field {field}, one letter off {meant}; correct it, or give a field of your own another name"
                    )
        return given

    def text(self, field: str, value: t.Any) -> str | None:
        """Check a field that holds a string."""
        if value is None:
            return None
        if not isinstance(value, str):
            raise self.failure(f"{field} must be a string, not {kind(value)}")
        if not value:
            raise self.failure(f"{field} must not be empty")
        return value

    def texts(self, field: str, value: t.Any) -> list[str]:
        """Check a field that holds a list of strings."""
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.failure(f"{field} must be a list of strings, not {kind(value)}")
        if not all(isinstance(item, str) for item in value):
            raise self.failure(f"{field} must be a list of strings, and not all of its members are")
        return value

    def flag(self, field: str, value: t.Any) -> bool | None:
        """Check a field that holds a boolean."""
        if value is None or isinstance(value, bool):
            return value
        raise self.failure(f"{field} must be a boolean, not {kind(value)}")

    def port(self, field: str, value: t.Any) -> int | None:
        """Check a field that holds a TCP port."""
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 65535:
            return value
        raise self.failure(f"{field} must be an integer from 1 to 65535, not {quoted(value)}")

    def platform(self, value: t.Any) -> str | None:
        """Check a platform's name, and return the one that nix.fleet goes by."""
        given = self.text("platform", value)
        if given is None:
            return None
        known = platforms()
        if given in known:
            return known[given].name
        names = sorted({platform.name for platform in known.values()})
        raise self.failure(f"unknown platform {quoted(given)}, the known ones are: {' '.join(names)}")


# What ends a quoted name, or would mean something else where the path is read as an expression.
_UNSPEAKABLE = re.compile(r'["\\\x00-\x1f\x7f]|\$\{')

_ANYWHERE = Check("attribute path")

# The standard outputs of a flake, and the platform that each is for.
CONFIGURATIONS = {platform.output: platform.name for platform in platforms().values() if platform.output}


def attribute_path(steps: Sequence[str], check: Check = _ANYWHERE) -> str:
    """Return ``steps`` as an attribute path; raises ``InventoryError`` for a name that cannot be in one."""
    for step in steps:
        if not step or _UNSPEAKABLE.search(step):
            raise check.failure(
                f"{quoted(step)} cannot be named in an attribute path; choose a name without double quotes, backslashes, "
                "${ and control characters"
            )
    return nix_command.attribute_path(steps)


def steps_of(path: str) -> tuple[str, ...]:
    """Return the steps of an attribute path as a user writes it behind ``#``."""
    try:
        steps = nix_command.attribute_steps(path)
    except EvaluationError as error:
        raise _ANYWHERE.failure(f"{error.cause}; {error.advice}") from None
    if not steps:
        raise _ANYWHERE.failure("it is empty; name an output")
    attribute_path(steps)
    return steps


def built_attribute(platform: str, configuration: str, check: Check) -> str:
    """Return what is built for a ``configuration`` among the flake's standard outputs."""
    there = platforms()[platform]
    if there.output is None:
        raise check.failure(f"platform {platform} has no standard output of a flake; name the attribute that is built")
    return attribute_path((there.output, configuration, *there.built), check)


@dataclasses.dataclass(frozen=True)
class Node:
    """A machine, or a further profile on one, as Ansible is told of it."""

    name: str
    platform: str
    address: str
    port: int | None = None
    user: str | None = None
    # Whom to become on the host; None where the login user does the work.
    become_user: str | None = None
    system: str | None = None
    role: str | None = None
    tags: tuple[str, ...] = ()
    ips: tuple[str, ...] = ()
    configuration: str | None = None
    flake: str | None = None
    # What is built, as an attribute path of the flake.
    attr: str | None = None
    # Where it is set; None for the platform's own profile.
    profile: str | None = None
    # Which program of it is run; the custom platform only.
    activate: str | None = None
    # Its secrets, as nix_keys takes them: where each comes from, and never what it holds.
    keys: tuple[Mapping[str, t.Any], ...] = ()
    # What the source says to Ansible and nix.fleet beyond all this, as the variables that say it.
    variables: Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    # The user's own fields.
    fields: Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    # Everything that the source said, normalised.
    data: Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    # What the source asked for, and nix.fleet has not.
    ignored: tuple[str, ...] = ()
    # Whether nothing but its name is known, since it does not evaluate.
    broken: bool = False


def become_user_of(platform: str, user: str | None) -> str | None:
    """Return whom a login as ``user`` becomes to deploy a system of ``platform``.

    A login that the inventory does not name is left to the operator's ssh configuration and group_vars.
    """
    return "root" if platforms()[platform].escalates and user not in (None, "root") else None


@dataclasses.dataclass(frozen=True)
class Origin:
    """Where data came from."""

    # The file or flake, for messages.
    place: str
    # The flake that the configurations are built of.
    flake: str | None = None
    # The output that the user named, if any.
    attribute: tuple[str, ...] | None = None
    # What it takes to read the place again.
    reading: Mapping[str, t.Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Source:
    """One way in which a fleet may be written down."""

    name: str
    # What it looks for in a flake, for messages.
    looks_for: str
    # A Nix function { outputs, value }: of the flake's outputs, and of the value that the user named (or null), to
    # plain data, or to null where there is none of this kind. `at` and `plain` of evaluation.py are in scope.
    expression: str
    # What nodes those data are.
    nodes: Callable[[t.Any, Origin], tuple[Node, ...]]
    # Files beside the inventory file that are read when no option names a place.
    files: tuple[str, ...] = ()
    # Those that are read instead where there is no flake.
    bare_files: tuple[str, ...] = ()
    # Whether it reads a whole flake and nothing else.
    whole_flake: bool = False
    # Whether the expression leaves out the nodes named in `broken`, since they stop an evaluation as a whole.
    tells_broken: bool = False


def ssh_variables(arguments: list[str]) -> dict[str, t.Any]:
    """Return the variables that make Ansible's ssh use ``arguments``.

    The port is told by its own variable, so that everything that connects can know it; all else is handed on as it is.
    """
    variables: dict[str, t.Any] = {}
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        port = next(words, "") if word == "-p" else word[2:] if word.startswith("-p") else None
        if port is not None and port.isdecimal():
            # ssh, too, keeps the first.
            variables.setdefault("ansible_port", int(port))
        else:
            rest += [word] if port is None or word != "-p" else [word, port]
    if rest:
        variables["ansible_ssh_common_args"] = shlex.join(rest)
    return variables


# Programs that run a command as another user, and the become plugins for them.
_ESCALATIONS = {
    "sudo": "sudo",
    "doas": "community.general.doas",
    "run0": "community.general.run0",
    "su": "su",
}
# What Ansible says by itself: of sudo's flags these, and the user.
_USUAL_FLAGS = frozenset(("-H", "-S", "-n", "--"))


def become_variables(command: Sequence[str]) -> dict[str, t.Any] | None:
    """Return the variables that make Ansible escalate as ``command`` does; None where it has nothing like it."""
    if not command:
        return {}
    method = _ESCALATIONS.get(command[0].rpartition("/")[2])
    if method is None:
        return None
    variables = {} if method == "sudo" else {"ansible_become_method": method}
    if "/" in command[0]:
        variables["ansible_become_exe"] = command[0]
    flags = [word for word in command[1:] if word not in _USUAL_FLAGS]
    if "-u" in flags:
        user = flags.index("-u")
        del flags[user : user + 2]
    if flags:
        usual = ("-H", "-S", "-n") if method == "sudo" else ()
        variables["ansible_become_flags"] = shlex.join((*usual, *flags))
    return variables
