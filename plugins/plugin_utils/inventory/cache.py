# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Not evaluating again what has not changed.

What Ansible's inventory cache holds is one evaluation's data with a fingerprint of all that it was made of. The
fingerprint is taken anew at each load, and data of another one are as good as none:

- For a flake it is what Nix itself knows it by: the locked revision or content hash of the flake and of all its inputs,
  overridden ones included. To ask for it evaluates nothing but the list of inputs.
- For a file it is the size and time of each file that Nix evaluated, wherever it is, and of all Nix and data files
  below the nearest directory with a flake or a repository in it, which may be read without being evaluated.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pathlib
import time
import typing as t

from ..nix.command import nix
from .evaluation import Evaluated, evaluate, flake_arguments, run_nix
from .place import FlakeOutput, NixFile

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, MutableMapping, Sequence

    from .evaluation import Settings
    from .source import Source

FORMAT = 2
READ_SUFFIXES = (".nix", ".json", ".toml", ".yml", ".yaml")
# A file changed so shortly before may change again within the same tick of the file system's clock.
TICK_NANOSECONDS = 20_000_000


@dataclasses.dataclass(frozen=True)
class Cache:
    """Where evaluations are kept, under which key, and whether what is kept may be used."""

    entries: MutableMapping[str, t.Any]
    key: str
    readable: bool


def cached_evaluation(
    sources: Sequence[Source], place: NixFile | FlakeOutput, settings: Settings, cache: Cache | None
) -> Evaluated:
    """Return what an evaluation found, now or at an earlier time that this one could not tell apart."""
    if cache is None:
        return evaluate(sources, place, settings)
    key = f"{cache.key}_{_digest(_key_data(sources, place, settings))[:12]}"
    kept = _kept(cache, key)
    fingerprint = flake_fingerprint(place, settings) if isinstance(place, FlakeOutput) else None
    if kept is not None:
        if isinstance(place, NixFile):
            fingerprint = files_fingerprint(kept.files, place.path)
        if fingerprint is not None and cache.entries[key]["fingerprint"] == fingerprint:
            return kept
    began = time.time_ns()
    evaluated = evaluate(sources, place, settings, report=isinstance(place, NixFile))
    if isinstance(place, NixFile):
        fingerprint = files_fingerprint(evaluated.files, place.path, changed_before=began - TICK_NANOSECONDS)
    if fingerprint is not None:
        cache.entries[key] = {"format": FORMAT, "fingerprint": fingerprint, **dataclasses.asdict(evaluated)}
    return evaluated


def flake_fingerprint(place: FlakeOutput, settings: Settings) -> str | None:
    """Return what ``place`` is locked to, with its inputs; None when Nix cannot tell, which it says when it evaluates."""
    completed = run_nix(
        nix(
            "flake",
            "metadata",
            "--json",
            *(word for word in flake_arguments(place, settings, suffix="") if word != "--impure"),
            executable=settings.executable,
        ),
        place,
        settings,
    )
    if not completed.ok:
        return None
    try:
        metadata = json.loads(completed.stdout)
    except ValueError:
        return None
    return _digest([metadata.get(field) for field in ("fingerprint", "path", "locked", "locks")])


def files_fingerprint(files: Iterable[str], file: pathlib.Path, changed_before: int | None = None) -> str | None:
    """Return a fingerprint of ``files`` and all that the evaluation of ``file`` may read beside them.

    None when one of them was changed after ``changed_before``: nobody can say whether the evaluation saw it so.
    """
    stamps: list[tuple[str, int, int]] = []
    for path in sorted({str(file), *files, *_files_below(_tree_of(file))}):
        try:
            status = pathlib.Path(path).stat()
        except OSError:
            stamps.append((path, -1, -1))
            continue
        if changed_before is not None and max(status.st_mtime_ns, status.st_ctime_ns) > changed_before:
            return None
        stamps.append((path, status.st_size, status.st_mtime_ns))
    return _digest(stamps)


def _tree_of(file: pathlib.Path) -> pathlib.Path:
    for directory in file.parents:
        if (directory / "flake.nix").exists() or (directory / ".git").exists():
            return directory
    return file.parent


def _files_below(directory: pathlib.Path) -> Iterator[str]:
    for root, directories, files in os.walk(directory):
        # Hidden directories are caches, environments and repositories; links lead to the store or around in circles.
        directories[:] = [name for name in directories if not name.startswith(".")]
        yield from (os.path.join(root, name) for name in files if name.endswith(READ_SUFFIXES))  # noqa: PTH118


def _kept(cache: Cache, key: str) -> Evaluated | None:
    if not cache.readable:
        return None
    try:
        entry = cache.entries[key]
        if entry["format"] != FORMAT or not isinstance(entry["fingerprint"], str):
            return None
        return Evaluated(str(entry["source"]), entry["data"], tuple(entry["files"]), entry["library"])
    except (KeyError, TypeError):
        # Never kept, no longer kept, or not kept by us.
        return None


def _key_data(sources: Sequence[Source], place: NixFile | FlakeOutput, settings: Settings) -> t.Any:
    environment = {name: os.environ.get(name) for name in ("NIX_PATH", "NIX_CONFIG")}
    reading = [(source.name, source.expression) for source in sources]
    return [reading, type(place).__name__, str(place), str(settings), environment]


def _digest(value: t.Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
