# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Nix says when a cache cannot be asked or pushed to, and what that means."""

from __future__ import annotations

import re
import typing as t

from ..copy.errors import Meaning
from ..core.errors import CacheError

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from .store import Store

MEANINGS = (
    Meaning(
        r"lacks (a signature|a valid signature|signature) by a trusted key",
        "it takes no paths that no key it trusts has signed",
        "sign them (secret_key_file) with a key that is in trusted-public-keys of that machine's nix.conf, or log in there as root"
        " or as one of its trusted-users",
    ),
    Meaning(
        r"is not allowed to connect to the Nix daemon",
        "the Nix daemon there refuses the login",
        "add the user to `allowed-users` in its nix.conf, or log in as another one",
    ),
    Meaning(
        r"Host key verification failed",
        "ssh does not know that machine's host key",
        "put it into known_hosts of the user who pushes: ssh-keyscan, and compare it with the machine's own",
    ),
    Meaning(
        r"Permission denied \((publickey|password|keyboard-interactive|gssapi|hostbased)",
        "it lets nobody in by ssh with the keys that there are",
        "give the user who pushes a key without passphrase that the machine accepts (~/.ssh/config, ssh-key=FILE in the"
        " address, or NIX_SSHOPTS in the task's environment)",
    ),
    Meaning(
        r"HTTP error 413",
        "its server takes no files of that size",
        "allow larger ones there; for nginx: `client_max_body_size 0;`",
    ),
    Meaning(
        r"HTTP error 507|No space left on device|Disk quota exceeded",
        "its disk is full",
        "make room there, and run again: what has arrived is not sent a second time",
    ),
    Meaning(
        r"HTTP error 40[13]|AccessDenied|Access Denied|InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken"
        r"|[Nn]o (AWS|valid) [Cc]redentials|provider.*credentials",
        "it does not permit that",
        "check what the user who pushes may do there: for http, `netrc-file` in nix_options and the methods that the server allows;"
        " for S3, ~/.aws/credentials, `profile=` in the address, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the"
        " task's environment",
    ),
    Meaning(
        # What Nix makes of any answer to its first file.
        r"does not appear to be a binary cache",
        "there is no binary cache, and this user cannot make one",
        "check the address, that its server takes PUT (docs/caches.md has nginx's lines for it), and what the user who pushes may do"
        " there (`netrc-file` in nix_options)",
    ),
    Meaning(
        r"HTTP error (404|405|501)|NoSuchBucket",
        "there is nothing at that address that takes files",
        "check the address; a web server must take PUT (docs/caches.md has nginx's lines for it), and a bucket must be there",
    ),
    Meaning(
        r"don't know how to open Nix store with scheme|unknown store scheme|S3.*(not|without).*support",
        "this Nix knows no store of that kind",
        "install a Nix that was built with support for it",
    ),
    Meaning(
        r"Could(n't| not) (resolve|connect)|[Cc]onnection (refused|timed out|reset)|No route to host|Network is unreachable"
        r"|[Tt]imeout was reached|Operation timed out|Recv failure|Name or service not known|Temporary failure in name resolution"
        r"|[Nn]etwork.*down|Empty reply",
        "it cannot be reached",
        "check the address, the name service, the firewall, and that its server runs",
    ),
    Meaning(
        r"(creating|opening|writing|renaming|making|open|create).*(Permission denied|Read-only file system|No such file)"
        r"|Permission denied|Read-only file system",
        "nobody may write there, or not this user",
        "let the user who pushes write to the directory, or escalate (become)",
    ),
)
# The page that a web server sends with an error says nothing that its number does not.
RESPONSE = re.compile(r"\n\s*response body:.*", re.DOTALL)


def failure(
    store: Store, *, command: Sequence[str], causes: Sequence[str], log: str, machine: str, rc: int
) -> CacheError:
    """Return the error for a command of ``machine``'s that ended with ``rc`` and named ``causes``."""
    told = "\n".join([*causes, log])
    for meaning in MEANINGS:
        if re.search(meaning.pattern, told):
            return CacheError(
                f"{store.uri}, as seen from {machine}: {meaning.cause}",
                command=command,
                log=RESPONSE.sub("", log),
                advice=meaning.advice,
            )
    cause = RESPONSE.sub("", causes[-1]) if causes else f"Nix ended with exit code {rc} and did not say why"
    return CacheError(
        f"{store.uri}, as seen from {machine}: {cause}",
        command=command,
        log=RESPONSE.sub("", log),
        advice=f"run the command on {machine} to see all of its messages",
    )
