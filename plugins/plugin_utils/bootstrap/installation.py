# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How nixos-anywhere is called, which makes a NixOS of any machine that it reaches by ssh.

Its command line is that of its version of July 2026; tests/cases/nixos-anywhere.json has it, option by option.
"""

from __future__ import annotations

import dataclasses
import re
import shlex
import typing as t

from ..core.errors import InstallationError
from ..inventory.source import Check, built_attribute
from ..nix.language import attribute_steps

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PHASES = ("kexec", "disko", "install", "reboot")
BUILD_ON = ("auto", "local", "remote")
DISKO_MODES = ("disko", "format", "mount")
BACKENDS = ("nixos-facter", "nixos-generate-config")
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
    build_on: str = BUILD_ON[0]
    disko_mode: str = DISKO_MODES[0]
    # Which program looks at the hardware, and the file of the flake that is made of what it sees.
    hardware: tuple[str, str] | None = None
    extra_files: str | None = None
    # Owners of what is in there, by path on the machine.
    owners: Mapping[str, str] = dataclasses.field(default_factory=dict)
    # Files of the controller by the path where the disks' encryption looks for them in the installer.
    encryption_keys: Mapping[str, str] = dataclasses.field(default_factory=dict)
    copy_host_keys: bool = False
    kexec: str | None = None
    post_kexec_port: int | None = None
    substitute_on_destination: bool = True


def arguments(installation: Installation) -> list[str]:
    """Return the arguments of nixos-anywhere; raises ``InstallationError`` for what it would take for something else."""
    _check(installation)
    words = ["--flake", f"{installation.flake}#{configuration_of(installation.attr)}"]
    words += ["--phases", ",".join(installation.phases), "--build-on", installation.build_on]
    if installation.disko_mode != DISKO_MODES[0]:
        words += ["--disko-mode", installation.disko_mode]
    if installation.hardware:
        words += ["--generate-hardware-config", *installation.hardware]
    if installation.extra_files:
        words += ["--extra-files", installation.extra_files]
    for option, pairs in (
        ("--chown", installation.owners),
        ("--disk-encryption-keys", installation.encryption_keys),
    ):
        for name, value in pairs.items():
            words += [option, name, value]
    if installation.copy_host_keys:
        words += ["--copy-host-keys"]
    if installation.kexec:
        words += ["--kexec", installation.kexec]
    if installation.post_kexec_port:
        words += ["--post-kexec-ssh-port", str(installation.post_kexec_port)]
    if not installation.substitute_on_destination:
        words += ["--no-substitute-on-destination"]
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
    raise InstallationError(
        f"{attr} is not the system of one of the flake's nixosConfigurations, from which nixos-anywhere installs",
        code="bad_attribute",
        advice="give the flake this output, and the node its configuration",
    )


def options_of_ssh(arguments: str) -> tuple[str, ...]:
    """Return the options in arguments of ssh, each as `-o` takes it; raises ``InstallationError`` for any other argument."""
    options: list[str] = []
    words = iter(shlex.split(arguments))
    for word in words:
        flag, value = word[:2], word[2:]
        if flag not in ("-o", "-J"):
            raise InstallationError(
                f"nixos-anywhere cannot be told ssh's argument {word}",
                code="bad_ssh_option",
                advice="say it in ~/.ssh/config, or as an option (ssh_options: Name=value)",
            )
        value = value or next(words, "")
        options.append(value if flag == "-o" else f"ProxyJump={value}")
    return tuple(options)


def _check(installation: Installation) -> None:
    user = installation.user or ""
    if not _ADDRESS.fullmatch(f"{user}@{installation.address}" if user else installation.address):
        raise InstallationError(
            f"{user}@{installation.address} is no address to log in to",
            code="bad_address",
            advice="correct address and user",
        )
    for path in (*installation.owners, *installation.encryption_keys):
        if not _PLAIN_PATH.fullmatch(path):
            raise InstallationError(
                f"{path!r} cannot be told to nixos-anywhere, which hands it to a shell as it is",
                code="bad_path",
                advice="give an absolute path of letters, digits and . _ + @ -",
            )
    for option in installation.ssh_options:
        # Its own ssh takes such an option as it is. For `nix copy` it joins all of them with spaces.
        if re.search(r"[\s'\"\\]", option):
            raise InstallationError(
                f"nixos-anywhere cannot pass ssh's option {option} on to Nix: it has spaces or quotes",
                code="bad_ssh_option",
                advice="say it in ~/.ssh/config, under the machine's address (Name=value needs no space)",
            )
    _check_phases(installation.phases)


def _check_phases(phases: Sequence[str]) -> None:
    if not phases or [phase for phase in PHASES if phase in phases] != list(phases):
        raise InstallationError(
            f"{','.join(phases) or 'none'} are no phases of an installation",
            code="bad_phases",
            advice=f"name some of {', '.join(PHASES)}, in this order",
        )
