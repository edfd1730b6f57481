# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A current Nix for the controller, when the machine has none of its own.

Debian's next release has one. Its packages are unpacked into the cache, and the program is told to use the
libraries that came with it; nothing of it is installed on the machine. Wrappers in `.lab/bin` put its
configuration in force, and `.venv/bin` links to them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from shlex import quote

from .cache import cached, locked, recipe_key
from .clone import Clone, cache_directory
from .debian import ensure_program, populate
from .errors import LabError
from .run import run

SUITE = "forky"
OLDEST = (2, 24)
_RECIPE_VERSION = "3"
_STORE = Path("/nix")
_MARKER = _STORE / ".nix-fleet-lab"

# Root without build users on a machine that may have no namespaces left to give: builds run as they are.
_CONFIGURATION = """\
# Written by the rehearsal fleet.
build-users-group =
experimental-features = nix-command flakes
filter-syscalls = false
flake-registry =
sandbox = false
substituters =
"""

_WRAPPER = """\
#!/bin/sh
# Written by the rehearsal fleet: Nix {version} with the lab's configuration.
[ -n "${{NIX_CONF_DIR-}}" ] || NIX_CONF_DIR={configuration}
[ -n "${{NIX_CACHE_HOME-}}" ] || NIX_CACHE_HOME={home}/cache
[ -n "${{NIX_STATE_HOME-}}" ] || NIX_STATE_HOME={home}/state
[ -n "${{NIX_DATA_HOME-}}" ] || NIX_DATA_HOME={home}/data
export NIX_CONF_DIR NIX_CACHE_HOME NIX_STATE_HOME NIX_DATA_HOME
exec {program} "$@"
"""


def version_of(program: str) -> tuple[int, ...] | None:
    """The version that a `nix` program says it has."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=20).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_version(said)


def parse_version(said: str) -> tuple[int, ...] | None:
    """The version in `nix (Nix) 2.34.8` and its relatives."""
    # Distributions of Nix name their own version first.
    found = re.findall(r"\b(\d+)\.(\d+)(?:\.(\d+))?", said)
    return tuple(int(part) for part in found[-1] if part) if found else None


def machines_own_nix(clone: Clone) -> Path | None:
    """The `nix` on PATH that is recent enough and not the lab's."""
    for directory in os.get_exec_path():
        program = Path(directory) / "nix"
        if not os.access(program, os.X_OK) or clone.state in program.resolve().parents:
            continue
        version = version_of(str(program))
        if version and version >= OLDEST:
            return program
    return None


def provide(clone: Clone) -> str:
    """Have a usable `nix` for this clone, and say which one."""
    own = machines_own_nix(clone)
    if own:
        return str(own)
    programs = _programs()
    version = version_of(str(programs / "nix"))
    if version is None:
        raise LabError(f"{programs / 'nix'} does not run; remove {programs.parent.parent} and try again")
    _own_store(clone)
    _wrap(clone, programs, ".".join(map(str, version)))
    return str(clone.bin / "nix")


def _programs() -> Path:
    ensure_program("patchelf", "patchelf")
    name = f"nix-{recipe_key(_RECIPE_VERSION, SUITE)}"
    # The finished place is part of the programs: libraries are found by absolute path.
    final = cache_directory() / name
    return cached(name, lambda directory, _final: _make(directory, final)) / "usr/bin"


def _make(directory: Path, final: Path) -> None:
    populate(directory, SUITE, "extract", ("nix-bin",))
    loader = next(path for path in directory.glob("usr/lib*/**/ld-linux*.so.*") if not path.is_symlink())
    libraries = loader.parent
    # RPATH, not RUNPATH: the libraries' own dependencies are to be found there as well.
    run(
        ["patchelf", "--set-interpreter", str(final / loader.relative_to(directory)), "--force-rpath", "--set-rpath"]
        + [str(final / libraries.relative_to(directory)), str(directory / "usr/bin/nix")]
    )
    for unneeded in ("usr/share", "var", "usr/lib/systemd"):
        shutil.rmtree(directory / unneeded, ignore_errors=True)


def _wrap(clone: Clone, programs: Path, version: str) -> None:
    configuration = clone.state / "nix" / "etc"
    configuration.mkdir(parents=True, exist_ok=True)
    (configuration / "nix.conf").write_text(_CONFIGURATION)
    clone.bin.mkdir(parents=True, exist_ok=True)
    for program in sorted(programs.glob("nix*")):
        wrapper = clone.bin / program.name
        text = _WRAPPER.format(
            version=version,
            configuration=quote(str(configuration)),
            home=quote(str(clone.state / "nix")),
            program=quote(str(program)),
        )
        if not wrapper.exists() or wrapper.read_text() != text:
            wrapper.write_text(text)
            wrapper.chmod(0o755)
    link_into_venv(clone)


def link_into_venv(clone: Clone) -> None:
    """Put the wrappers on the PATH of the project's virtual environment, if that has been made."""
    venv = clone.root / ".venv" / "bin"
    if not venv.is_dir():
        return
    for wrapper in clone.bin.glob("nix*"):
        link = venv / wrapper.name
        if link.is_symlink():
            link.unlink()
        if not link.exists():
            link.symlink_to(wrapper)


def _own_store(clone: Clone) -> None:
    """Have /nix, and note that this clone uses it when the lab is who made it."""
    cache_directory().mkdir(parents=True, exist_ok=True)
    with locked(cache_directory()):
        if not _STORE.exists():
            _STORE.mkdir(mode=0o755)
            _MARKER.mkdir()
        if _MARKER.is_dir():
            (_MARKER / clone.identity).write_text(f"{clone.root}\n")


def release(clone: Clone) -> None:
    """Undo `provide`: links, and /nix when the lab made it and no other clone uses it."""
    venv = clone.root / ".venv" / "bin"
    if venv.is_dir():
        for link in venv.glob("nix*"):
            if link.is_symlink() and os.readlink(link).startswith(f"{clone.state}/"):
                link.unlink()
    if not _MARKER.is_dir():
        return
    cache_directory().mkdir(parents=True, exist_ok=True)
    with locked(cache_directory()):
        (_MARKER / clone.identity).unlink(missing_ok=True)
        for user in _MARKER.iterdir():
            if not (Path(user.read_text().strip()) / ".lab").is_dir():
                user.unlink()
        if not any(_MARKER.iterdir()):
            run(["chmod", "-R", "u+w", str(_STORE)])
            run(["rm", "-rf", "--one-file-system", str(_STORE)])
