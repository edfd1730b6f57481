# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that a program of the controller tells: sops, age, pass."""

from __future__ import annotations

import typing as t

from ..core.errors import KeysError
from ..core.process import CommandTimeoutError, run

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


# Long enough for somebody to touch a token, and to a program that asks in vain for a password an end.
COMMAND_SECONDS = 120


def content_of_command(name: str, argv: Sequence[str], environment: Mapping[str, str]) -> bytes:
    """Return what ``argv``, run on the controller, prints: what key ``name`` holds, to the last byte.

    It runs where Ansible was started.
    """
    if not argv:
        raise KeysError(f"key {name}: its command is empty", advice="give the program and its arguments as a list")
    try:
        completed = run(argv, environment=environment, errors="surrogateescape", timeout=COMMAND_SECONDS)
    except CommandTimeoutError as error:
        raise KeysError(
            f"key {name}: its command had not ended after {error.seconds:g} s and was ended",
            command=argv,
            advice="run it by hand on the controller; it has nobody to answer its questions",
        ) from None
    except OSError as error:
        raise KeysError(
            f"key {name}: its command cannot be run on the controller: {error.strerror or error}",
            command=argv,
            advice="see that the program is installed on the machine that runs Ansible",
        ) from None
    if completed.rc:
        raise KeysError(
            f"key {name}: its command ended with exit code {completed.rc}",
            command=argv,
            # What it printed on standard output may be half a secret.
            log=completed.stderr,
            advice="run it by hand on the controller",
        )
    if not completed.stdout:
        raise KeysError(
            f"key {name}: its command printed nothing", command=argv, log=completed.stderr, advice="run it by hand"
        )
    return completed.stdout.encode(errors="surrogateescape")
