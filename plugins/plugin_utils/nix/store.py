# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to a Nix store: the command lines, and what their answers mean.

Sizes are read from the plain output of ``nix path-info``, which is the same in every version of Nix; its JSON
is not (a list, then an object, then an object with a version of its own). All that a store knows of a path is read from its
first format, an object by path with the fields of the Nix manual's "Store object info", and written as a `.narinfo`."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import graphlib
import json
import re
import typing as t
import urllib.parse

from ..core.errors import NixError
from .command import nix

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

STORE_DIRECTORY = "/nix/store"
HASH_LENGTH = 32
# No character of it means anything to a shell, to xargs or to a terminal.
STORE_PATH = re.compile(rf"{STORE_DIRECTORY}/[0-9a-df-np-sv-z]{{32}}-[0-9A-Za-z+._?=-]+")
SIZE = re.compile("[0-9]{1,18}")
# What Nix says of a path that is not in the store, and that nobody else has.
GONE = re.compile(
    r"don't know how to build|is required, but there is no substituter|path '[^']*' is not valid|is not valid in store"
    r"|does not exist and cannot be created|does not exist in (?:the )?store"
)
GONE_ADVICE = "run again, which builds it anew: a garbage collection must have taken it before anything kept it"


@dataclasses.dataclass(frozen=True)
class StorePathInfo:
    """A valid path of a store and the size of its archive in bytes."""

    path: str
    nar_size: int

    @property
    def name(self) -> str:
        """The path's name without its hash: ``bash-5.2`` of ``/nix/store/…-bash-5.2``."""
        return store_path_name(self.path)


def store_path_name(path: str) -> str:
    """Return what follows the hash in a store path.

    >>> store_path_name("/nix/store/00000000000000000000000000000000-bash-5.2")
    'bash-5.2'
    """
    return path.rpartition("/")[2][HASH_LENGTH + 1 :]


def is_store_path(text: str) -> bool:
    """Whether ``text`` is the path of a store object, and not of something in one."""
    return bool(STORE_PATH.fullmatch(text))


def store_path(text: t.Any) -> str | None:
    """Return ``text`` when it is a store path, else None."""
    return text if isinstance(text, str) and is_store_path(text) else None


def store_paths(given: Iterable[str], failure: type[NixError] = NixError) -> list[str]:
    """Return what somebody has given as store paths, each once; raises ``failure`` for what is none."""
    paths = list(dict.fromkeys(given))
    for path in paths:
        if not is_store_path(path):
            raise failure(
                f"not a store path: {path!r}",
                code="no_store_path",
                advice="give paths such as /nix/store/<hash>-<name>, for example what nix_build returns",
            )
    return paths


def path_sizes(*paths: str, closure: bool = False, store: str | None = None) -> list[str]:
    """Return the command that prints the size of each path, or of every path in their closure.

    It fails when a path is not valid; its output is for ``parse_path_sizes``.
    """
    recursive = ["--recursive"] if closure else []
    elsewhere = ["--store", store] if store else []
    return nix("path-info", "--size", *recursive, *elsewhere, *paths)


def parse_path_sizes(output: str) -> list[StorePathInfo]:
    """Read the answer to ``path_sizes``; raises ``NixError`` when it is none."""
    return [_path_size(line) for line in output.splitlines() if line.strip()]


def protect(path: str, root: str) -> list[str]:
    """Return the command that keeps ``path`` from the garbage collector for as long as the link ``root`` exists."""
    return ["nix-store", "--realise", path, "--add-root", root]


def root_name(host: str) -> str:
    """Return the file name that stands for ``host`` among GC roots, whatever characters its name has.

    Below one directory of a machine there is ``built/NAME`` for what was built for a host, and ``copied/NAME/1…`` for what was
    copied to it: who builds for a host may one day be who it is copied to.

    >>> root_name("web@db.example"), root_name("../a b"), root_name(".")
    ('web@db.example', '%2E.%2Fa%20b', '%2E')
    """
    quoted = urllib.parse.quote(host, safe="@")
    return f"%2E{quoted[1:]}" if quoted.startswith(".") else quoted


def parse_paths(output: str) -> list[str]:
    """Read an answer of one store path a line; what is none is passed over."""
    return [line for line in output.splitlines() if is_store_path(line)]


def _path_size(line: str) -> StorePathInfo:
    path, *rest = line.split()
    if not is_store_path(path) or len(rest) != 1 or not SIZE.fullmatch(rest[0]):
        raise NixError(
            f"a store was asked for the sizes of paths and told something else: {line[:200]!r}",
            code="no_sizes",
            advice="see whether the Nix there is the real one: `nix path-info --size`",
        )
    return StorePathInfo(path, int(rest[0]))


SHA256_BYTES = 32
# What stands on a line of a .narinfo: a signature `key:base64`, a content address `fixed:r:sha256:…`.
WORD = re.compile(r"[0-9A-Za-z:+/=._@-]{1,500}")
# Named by versions of Nix that have several formats; the others know neither the option nor another format.
FIRST_FORMAT = ("--json-format", "1")


class UnknownFormError(NixError):
    """A Nix that says what it knows of its paths otherwise than those we know."""


@dataclasses.dataclass(frozen=True)
class PathInfo:
    """A store path: the hash (SHA-256, hexadecimal) and size of its archive, and what it refers to, itself left out."""

    path: str
    nar_hash: str
    nar_size: int
    references: frozenset[str] = frozenset()
    refers_to_itself: bool = False
    deriver: str | None = None
    signatures: tuple[str, ...] = ()
    content_address: str | None = None

    @property
    def digest(self) -> str:
        """The first part of the path's name, which tells it from all others."""
        return _name(self.path)[:HASH_LENGTH]

    @property
    def narinfo(self) -> str:
        """What the binary cache says of the path that has its archive in the directory ``nar``."""
        references = sorted([*self.references, *([self.path] if self.refers_to_itself else [])])
        lines = [
            f"StorePath: {self.path}",
            f"URL: nar/{self.digest}.nar",
            "Compression: none",
            f"NarHash: sha256:{self.nar_hash}",
            f"NarSize: {self.nar_size}",
            f"References: {' '.join(map(_name, references))}",
            *([f"Deriver: {_name(self.deriver)}"] if self.deriver else []),
            *(f"Sig: {signature}" for signature in self.signatures),
            *([f"CA: {self.content_address}"] if self.content_address else []),
        ]
        return "".join(f"{line}\n" for line in lines)


def path_infos(*paths: str, form: tuple[str, ...] = ()) -> list[str]:
    """Return the command that tells all of the closure of ``paths``; see ``FIRST_FORMAT`` for ``form``."""
    return nix("path-info", "--json", *form, "--recursive", *paths)


def parse_path_infos(output: str) -> list[PathInfo]:
    """Read the answer to ``path_infos``; each path comes after those that it refers to.

    Raises ``UnknownFormError`` when it is in no form that we know.
    """
    try:
        infos = {path: _path_info(path, fields) for path, fields in json.loads(output).items()}
        order = graphlib.TopologicalSorter({info.path: info.references for info in infos.values()}).static_order()
        return [infos[path] for path in order]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnknownFormError(
            f"a store says what it knows of its paths in an unknown form ({type(error).__name__}: {error})",
            code="unknown_form",
            log=output[:500],
            advice="see what `nix path-info --json` prints there",
        ) from error


def _path_info(path: str, fields: Mapping[str, t.Any]) -> PathInfo:
    references = frozenset(map(_store_path, fields["references"]))
    deriver = fields.get("deriver")
    address = fields.get("ca")
    return PathInfo(
        path=_store_path(path),
        nar_hash=_hexadecimal(fields["narHash"]),
        nar_size=_size(fields["narSize"]),
        references=references - {path},
        refers_to_itself=path in references,
        deriver=_store_path(deriver) if deriver else None,
        signatures=tuple(map(_word, fields.get("signatures") or ())),
        content_address=_word(address) if address else None,
    )


def _hexadecimal(written: str) -> str:
    """Return the hash that Nix writes as ``sha256-`` and base64."""
    algorithm, dash, encoded = written.partition("-")
    try:
        digest = base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise ValueError(f"no hash: {written[:100]!r}") from error
    if not dash or algorithm != "sha256" or len(digest) != SHA256_BYTES:
        raise ValueError(f"no hash: {written[:100]!r}")
    return digest.hex()


def _size(number: int) -> int:
    if not isinstance(number, int) or number < 0:
        raise ValueError(f"no size: {number!r}")
    return number


def _word(text: str) -> str:
    if not WORD.fullmatch(text):
        raise ValueError(f"not of one word: {text[:100]!r}")
    return text


def _store_path(text: str) -> str:
    if not is_store_path(text):
        raise ValueError(f"no store path: {text[:100]!r}")
    return text


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def total_size(infos: Iterable[StorePathInfo | PathInfo]) -> int:
    """Return the size of all archives together in bytes."""
    return sum(info.nar_size for info in infos)
