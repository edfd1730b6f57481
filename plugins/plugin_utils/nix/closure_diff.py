# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What changes for the people who use a machine when one closure takes another's place."""

from __future__ import annotations

import collections
import dataclasses
import itertools
import re
import typing as t

from ..core.text import size
from .store import StorePathInfo, total_size

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# Names of outputs, which follow the version in a store path's name.
OUTPUTS = frozenset(
    ("bin", "data", "debug", "dev", "devdoc", "devman", "dist", "doc", "info")
    + ("lib", "lib32", "lib64", "man", "out", "static", "terminfo")
)
# A host's name, which has no dot but may end in a number, comes before the version: nixos-system-web-1-25.11. It is left
# out, so that the same change is told of many hosts in the same words.
NIXOS_SYSTEM = re.compile(r"(nixos-system)-[^.]+-([0-9]{2}\.[0-9]{2}.*)")
VERSION = re.compile(r"-(?=[0-9])")
COMPONENT = re.compile(r"\d+|[^\d.\-+_]+")
# Smaller changes of size without a change of version are noise: a path, a date, a hash inside.
NOTICED_BYTES = 8 * 1024
NAMED_REBUILDS = 12


@dataclasses.dataclass(frozen=True)
class PackageChange:
    """A package, by the versions that each closure has of it: ``added``, ``removed``, ``upgraded``, ``downgraded`` or ``resized``."""

    name: str
    kind: str
    before: Sequence[str]
    after: Sequence[str]
    bytes: int

    @property
    def text(self) -> str:
        """The change in one line."""
        growth = signed_size(self.bytes)
        if self.kind == "resized":
            return f"{self.name}: {growth}"
        before, after = ", ".join(self.before), ", ".join(self.after)
        if self.kind in ("added", "removed"):
            versions = f" {before or after}" if before or after else ""
            return f"{self.name}:{versions} {self.kind}, {growth}"
        return f"{self.name}: {before or '(none)'} → {after or '(none)'}, {growth}"


@dataclasses.dataclass(frozen=True)
class ClosureDiff:
    """The difference of two closures, by package.

    ``rebuilt`` names what has other content under the same name and version: the configuration itself, mostly.
    """

    packages: Sequence[PackageChange]
    rebuilt: Sequence[str]
    paths_before: int
    paths_after: int
    bytes_before: int
    bytes_after: int

    @classmethod
    def from_result(cls, result: Mapping[str, t.Any]) -> ClosureDiff:
        """Read what ``to_result`` has written."""
        fields = {field.name: result[field.name] for field in dataclasses.fields(cls)}
        return cls(**{**fields, "packages": [PackageChange(**package) for package in result["packages"]]})

    @property
    def bytes(self) -> int:
        """How many bytes the new closure is larger by."""
        return self.bytes_after - self.bytes_before

    @property
    def text(self) -> str:
        """The difference for a person to read, one line a package; empty when nothing differs."""
        if not self.packages and not self.rebuilt and self.paths_before == self.paths_after and not self.bytes:
            return ""
        lines = [change.text for change in self.packages]
        if self.rebuilt:
            lines.append(self.rebuilt_text)
        lines.append(self.closure_text)
        return "\n".join(lines) + "\n"

    @property
    def rebuilt_text(self) -> str:
        """What was rebuilt, in one line."""
        more = len(self.rebuilt) - NAMED_REBUILDS
        return f"rebuilt: {', '.join(self.rebuilt[:NAMED_REBUILDS])}{f' and {more} more' if more > 0 else ''}"

    @property
    def closure_text(self) -> str:
        """The size of it all, in one line."""
        return (
            f"closure: {self.paths_before} → {self.paths_after} paths, "
            f"{size(self.bytes_before)} → {size(self.bytes_after)} ({signed_size(self.bytes)})"
        )

    def to_result(self) -> dict[str, t.Any]:
        """Return the difference as the value of a module's result."""
        return {**dataclasses.asdict(self), "bytes": self.bytes}


def closure_diff(before: Iterable[StorePathInfo], after: Iterable[StorePathInfo]) -> ClosureDiff:
    """Compare two closures, each given as all of its paths."""
    old, new = list(before), list(after)
    was, now = _by_package(old), _by_package(new)
    changes, rebuilt = [], []
    for name in sorted(was.keys() | now.keys()):
        change = _change(name, was.get(name, ()), now.get(name, ()))
        if change.kind != "resized" or abs(change.bytes) >= NOTICED_BYTES:
            changes.append(change)
        elif {path.path for path in was[name]} != {path.path for path in now[name]}:
            rebuilt.append(name)
    return ClosureDiff(changes, rebuilt, len(old), len(new), total_size(old), total_size(new))


def package_name_and_version(name: str) -> tuple[str, str]:
    """Split the name of a store path; the name of an output is part of neither.

    >>> package_name_and_version("glibc-2.40-66-bin"), package_name_and_version("unit-sshd.service")
    (('glibc', '2.40-66'), ('unit-sshd.service', ''))
    """
    if system := NIXOS_SYSTEM.fullmatch(name):
        return system[1], system[2]
    stem, _dash, output = name.rpartition("-")
    if stem and output in OUTPUTS:
        name = stem
    package, *version = VERSION.split(name, maxsplit=1)
    return (package, version[0]) if package and version else (name, "")


def signed_size(count: int) -> str:
    """Return a difference of ``count`` bytes, with its sign."""
    return f"+{size(count)}" if count >= 0 else f"-{size(-count)}"


def _by_package(paths: Sequence[StorePathInfo]) -> dict[str, list[StorePathInfo]]:
    packages: dict[str, list[StorePathInfo]] = collections.defaultdict(list)
    for path in paths:
        packages[package_name_and_version(path.name)[0]].append(path)
    return packages


def _change(name: str, before: Sequence[StorePathInfo], after: Sequence[StorePathInfo]) -> PackageChange:
    old, new = _version_list(before), _version_list(after)
    if not (before and after):
        kind = "removed" if before else "added"
    elif old == new:
        kind = "resized"
    else:
        kind = "upgraded" if _order(new[-1:]) >= _order(old[-1:]) else "downgraded"
    return PackageChange(name, kind, old, new, total_size(after) - total_size(before))


def _version_list(paths: Sequence[StorePathInfo]) -> list[str]:
    versions = {package_name_and_version(path.name)[1] for path in paths}
    return sorted(versions - {""}, key=lambda version: _order([version]))


def _order(versions: Sequence[str]) -> list[tuple[int, int, str]]:
    """Return what sorts versions as people count them: 2.9 before 2.10, 1.0pre before 1.0."""
    components = itertools.chain.from_iterable(COMPONENT.findall(version) for version in versions)
    ranked = [(2, int(word), "") if word.isdigit() else (0, 0, word) for word in components]
    return [*ranked, (1, 0, "")]
