# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key that signs what is pushed: a file on the machine that pushes, which is refused when everyone there may read it."""

from __future__ import annotations

import dataclasses
import re
import typing as t
from pathlib import Path

from ..core.errors import CacheError

if t.TYPE_CHECKING:
    from ..nix.machine import Machine

SCRIPT = Path(__file__).with_suffix(".sh")
# NAME:BASE64 of the 32 bytes of an Ed25519 key (the Nix manual, `nix key`).
PUBLIC_KEY = re.compile(r"[^\s:]+:[A-Za-z0-9+/]{43}=")

MAKE_ONE = "(umask 077; nix key generate-secret --key-name cache.example.org-1 >FILE)"
# By exit code of the script.
ADVICE = {
    3: f"put it there, or make one: {MAKE_ONE}",
    4: "chmod 600 it; if anyone may have read it, make a new key and have the machines trust that one instead",
    5: "give it to the user who pushes, or escalate (become)",
    6: f"make one: {MAKE_ONE}",
}


@dataclasses.dataclass(frozen=True)
class SigningKey:
    """Where a secret key is, and the public key that belongs to it."""

    file: str
    public: str


def signing_key(file: str, machine: Machine) -> SigningKey:
    """Return the key in ``file`` of ``machine``; raises ``CacheError`` when it is none, or none that is secret."""
    if not file.startswith(("/", "~/")):
        raise CacheError(f"{file} is not an absolute path, nor one that begins with ~/")
    answer = machine.run(["sh", "-c", SCRIPT.read_text(encoding="utf-8"), "sh", file])
    if not answer.ok:
        refusals = [line for line in answer.stderr.splitlines() if line.strip()]
        raise CacheError(
            f"the signing key on {machine.name} cannot be used: {refusals[-1] if refusals else 'no reason given'}",
            advice=ADVICE.get(answer.rc),
        )
    fields = dict(line.partition("=")[::2] for line in answer.stdout.splitlines())
    public = fields.get("key", "")
    if not PUBLIC_KEY.fullmatch(public) or "file" not in fields:
        raise CacheError(f"{machine.name} was asked for the public key of {file} and said something else")
    return SigningKey(fields["file"], public)
