# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How nixos-anywhere is called, which makes a NixOS of any machine that it reaches by ssh.

Its command line is that of its version of July 2026; tests/cases/nixos-anywhere.json has it, option by option. The files that
a new machine is to have from its first boot on, secrets among them, are in memory, and not for long."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import os
import pathlib
import re
import shlex
import shutil
import tempfile
import time
import typing as t

from ..core.errors import LOG_LINES, NixError
from ..inventory.source import Check, built_attribute
from ..nix.command import attribute_steps

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MOUNTS = pathlib.Path("/proc/self/mounts")
IN_MEMORY = {"tmpfs", "ramfs"}


@contextlib.contextmanager
def directory_in_memory(*, allow_disk: bool) -> Iterator[pathlib.Path]:
    """Yield a directory of this process alone, in memory, that is gone afterwards; ``allow_disk``: elsewhere, where there is none.

    Raises ``NixError`` where there is no such place.
    """
    places = (os.environ.get("XDG_RUNTIME_DIR", ""), "/dev/shm")
    place = next((place for place in places if place and os.access(place, os.W_OK) and _is_in_memory(place)), None)
    if place is None and not allow_disk:
        raise NixError(
            "the controller has no file system in memory that could be written to, and secrets belong on no disk",
            code="installation.not_in_memory",
            advice="name a directory on a tmpfs (XDG_RUNTIME_DIR), or accept the disk (allow_disk)",
        )
    with tempfile.TemporaryDirectory(prefix="nix.fleet-", dir=place) as directory:
        yield pathlib.Path(directory)


def _is_in_memory(place: str) -> bool:
    """Whether a directory is on a file system in memory, where there is a list of what is mounted: on Linux."""
    path = pathlib.Path(place).resolve()
    try:
        mounted = [line.split()[1:3] for line in MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()]
    except OSError:
        return False
    # Of two at the same place, the later one is seen.
    kinds = {at.replace("\\040", " "): kind for at, kind in mounted}
    return next((kinds[str(each)] for each in (path, *path.parents) if str(each) in kinds), "") in IN_MEMORY


def packed(
    directory: pathlib.Path,
    extra_files: str | None,
    host_keys: Mapping[str, Mapping[str, str]],
    files_root: str = "/",
) -> str | None:
    """Put ``extra_files`` and the host keys into ``directory`` as they are to be below the machine's root.

    Returns the directory of all of them, or None when there are none. Host keys are by the kind in their file's name.
    ``files_root`` is the directory of the machine to which all of them go. Without any key, and at the machine's own root,
    ``extra_files`` stays where it is.
    """
    steps = pathlib.PurePosixPath(files_root).parts
    if steps[:1] != ("/",) or ".." in steps:
        raise NixError(
            f"{files_root} is no directory of the machine",
            code="installation.bad_path",
            advice="give an absolute path (files_root)",
        )
    if extra_files and not pathlib.Path(extra_files).is_dir():
        raise NixError(
            f"{extra_files} is no directory", code="installation.no_directory", advice="correct bootstrap_extra_files"
        )
    if not host_keys and (len(steps) == 1 or not extra_files):
        return extra_files
    top = root = directory / "root"
    _open_directory(root)
    for step in steps[1:]:
        root /= step
        _open_directory(root)
    if extra_files:
        shutil.copytree(extra_files, root, symlinks=True, dirs_exist_ok=True)
    for kind, key in host_keys.items():
        if not kind.isascii() or not kind.isalnum():
            raise NixError(
                f"{kind!r} is no kind of a host key",
                code="installation.bad_host_key",
                advice="name it ed25519, rsa or ecdsa",
            )
        place = root / "etc/ssh" / f"ssh_host_{kind}_key"
        for each in (root, root / "etc", place.parent):
            _open_directory(each)
        _write(place, key["private"], 0o600)
        if key.get("public"):
            _write(place.with_name(f"{place.name}.pub"), key["public"], 0o644)
    return str(top)


def unlocked(directory: pathlib.Path, keys: Mapping[str, str]) -> dict[str, str]:
    """Write what unlocks the disks into files of ``directory``, and return these by the paths on the machine."""
    files = {path: directory / f"disk-key-{number}" for number, path in enumerate(keys)}
    for path, file in files.items():
        # To the last byte: a line feed more is another passphrase.
        _write(file, keys[path], 0o600, end="")
    return {path: str(file) for path, file in files.items()}


def _open_directory(place: pathlib.Path) -> None:
    """Make a directory that everybody may look into, whatever the umask: the new machine's own has its mode from it."""
    if not place.is_dir():
        place.mkdir()
        place.chmod(0o755)


def _write(file: pathlib.Path, text: str, mode: int, end: str = "\n") -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text if text.endswith(end) else text + end)
        os.fchmod(stream.fileno(), mode)


PHASES = ("kexec", "disko", "install", "reboot")
# It puts these into commands for a shell of the machine without quoting them.
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9._/+@-]+")
_ADDRESS = re.compile(r"[A-Za-z0-9_\[:][A-Za-z0-9_.:%@\[\]-]*")


@dataclasses.dataclass(frozen=True)
class Installation:
    """What is installed, where, and how."""

    flake: str
    attr: str
    address: str
    user: str | None = None
    port: int | None = None
    identity_file: str | None = None
    # Options of ssh as `-o` takes them.
    ssh_options: tuple[str, ...] = ()
    by_password: bool = False
    phases: tuple[str, ...] = PHASES
    # Which program looks at the hardware, and the file of the flake that is made of what it sees.
    hardware: tuple[str, str] | None = None
    extra_files: str | None = None
    # Files of the controller by the path where the disks' encryption looks for them in the installer.
    encryption_keys: Mapping[str, str] = dataclasses.field(default_factory=dict)


def arguments(installation: Installation) -> list[str]:
    """Return the arguments of nixos-anywhere; raises ``NixError`` for what it would take for something else."""
    _check(installation)
    words = ["--flake", f"{installation.flake}#{configuration_of(installation.attr)}"]
    words += ["--phases", ",".join(installation.phases)]
    if installation.hardware:
        words += ["--generate-hardware-config", *installation.hardware]
    if installation.extra_files:
        words += ["--extra-files", installation.extra_files]
    for path, file in installation.encryption_keys.items():
        words += ["--disk-encryption-keys", path, file]
    if installation.identity_file:
        words += ["-i", installation.identity_file]
    if installation.port:
        words += ["--ssh-port", str(installation.port)]
    for option in installation.ssh_options:
        words += ["--ssh-option", option]
    if installation.by_password:
        words += ["--env-password"]
    user = f"{installation.user}@" if installation.user else ""
    return [*words, "--target-host", f"{user}{installation.address}"]


def configuration_of(attr: str) -> str:
    """Return the name of the NixOS configuration whose system ``attr`` is.

    nixos-anywhere asks the same configuration for its disks, and knows the standard output alone.
    """
    steps = attribute_steps(attr)
    if len(steps) > 1 and attr == built_attribute("nixos", steps[1], Check("attr")) and not set(steps[1]) & {"#", '"'}:
        return steps[1]
    raise NixError(
        f"{attr} is not the system of one of the flake's nixosConfigurations, from which nixos-anywhere installs",
        code="installation.bad_attribute",
        advice="give the flake this output, and the node its configuration",
    )


def options_of_ssh(arguments: str) -> tuple[str, ...]:
    """Return the options in arguments of ssh, each as `-o` takes it; raises ``NixError`` for any other argument."""
    options: list[str] = []
    words = iter(shlex.split(arguments))
    for word in words:
        flag, value = word[:2], word[2:]
        if flag not in ("-o", "-J"):
            raise NixError(
                f"nixos-anywhere cannot be told ssh's argument {word}",
                code="installation.bad_ssh_option",
                advice="say it in ~/.ssh/config, or as an option (ssh_options: Name=value)",
            )
        value = value or next(words, "")
        options.append(value if flag == "-o" else f"ProxyJump={value}")
    return tuple(options)


def _check(installation: Installation) -> None:
    user = installation.user or ""
    if not _ADDRESS.fullmatch(f"{user}@{installation.address}" if user else installation.address):
        raise NixError(
            f"{user}@{installation.address} is no address to log in to",
            code="installation.bad_address",
            advice="correct address and user",
        )
    for path in installation.encryption_keys:
        if not _PLAIN_PATH.fullmatch(path):
            raise NixError(
                f"{path!r} cannot be told to nixos-anywhere, which hands it to a shell as it is",
                code="installation.bad_path",
                advice="give an absolute path of letters, digits and . _ + @ -",
            )
    for option in installation.ssh_options:
        # Its own ssh takes such an option as it is. For `nix copy` it joins all of them with spaces.
        if re.search(r"[\s'\"\\]", option):
            raise NixError(
                f"nixos-anywhere cannot pass ssh's option {option} on to Nix: it has spaces or quotes",
                code="installation.bad_ssh_option",
                advice="say it in ~/.ssh/config, under the machine's address (Name=value needs no space)",
            )
    phases = installation.phases
    if not phases or [phase for phase in PHASES if phase in phases] != list(phases):
        raise NixError(
            f"{','.join(phases) or 'none'} are no phases of an installation",
            code="installation.bad_phases",
            advice=f"name some of {', '.join(PHASES)}, in this order",
        )


@dataclasses.dataclass(frozen=True)
class _Wait:
    """What nixos-anywhere tries again and again, without an end of its own."""

    begins: str
    code: str
    cause: str
    advice: str


_WAITS = (
    _Wait(
        "### Uploading install SSH keys ###",
        "login_timeout",
        "it could not log in to the machine by ssh within {0:g} s",
        "correct user, key or password (bootstrap_user, ansible_ssh_private_key_file), or raise login_timeout",
    ),
    _Wait(
        "machine will boot into nixos",
        "return_timeout",
        "the installer did not answer as root within {0:g} s after kexec",
        "look at the machine's console; raise bootstrap_return_timeout where it only takes long",
    ),
    _Wait(
        "### Waiting for the machine to become unreachable due to reboot ###",
        "return_timeout",
        "the installed machine did not reboot within {0:g} s",
        "reboot it on its console, and deploy; all but the reboot is done",
    ),
)
_STEP = re.compile("### (.*) ###")


class Output:
    """What nixos-anywhere prints while it runs: its steps, and whether it waits for something for too long."""

    def __init__(
        self,
        limits: Mapping[str, float],
        on_step: Callable[[str], None] = lambda _step: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.steps: list[str] = []
        self._limits = limits
        self._on_step = on_step
        self._clock = clock
        self._lines: collections.deque[str] = collections.deque(maxlen=LOG_LINES)
        self._wait: _Wait | None = None
        self._since = 0.0

    @property
    def log(self) -> str:
        """Its last lines."""
        return "\n".join(self._lines)

    def read(self, line: str) -> None:
        """Take a line."""
        self._lines.append(line)
        wait = next((wait for wait in _WAITS if wait.begins in line), None)
        step = _STEP.search(line)
        if wait or step:
            self._wait, self._since = wait, self._clock()
        if step:
            self.steps.append(step[1].strip())
            self._on_step(self.steps[-1])

    def look(self) -> None:
        """Raise ``NixError`` when it has waited for too long."""
        if self._wait and self._clock() - self._since > self._limits[self._wait.code]:
            last = next((line for line in reversed(self._lines) if line.strip() and self._wait.begins not in line), "")
            cause = self._wait.cause.format(self._limits[self._wait.code])
            raise NixError(
                f"nixos-anywhere was ended: {cause}{last and f': {last.strip()}'}",
                code=f"installation.{self._wait.code}",
                log=self.log,
                advice=self._wait.advice,
                steps=self.steps,
            )
