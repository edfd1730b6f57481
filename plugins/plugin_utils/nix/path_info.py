# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that a store knows of a path beside its content, and how a binary cache writes it down.

Read from `nix path-info --json` in its first format: an object by path, with the fields of the Nix manual's "Store object
info". Written as a `.narinfo`, the format of binary caches.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import graphlib
import json
import re
import typing as t

from ..core.errors import NixError
from .command import nix
from .store import HASH_LENGTH, is_store_path

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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


def total(infos: Iterable[PathInfo]) -> int:
    """Return the size of all archives together in bytes."""
    return sum(info.nar_size for info in infos)
