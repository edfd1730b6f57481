# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store that others fetch from: its address, what it has of some paths, whether a machine could fetch these, and what
Nix means when it cannot be asked.

`nix store verify` without contents asks for many paths at once, and names each that is missing or unsigned.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t
import urllib.parse

from ..copy.copying import Meaning
from ..core.errors import CacheError
from ..core.text import redacted
from ..nix.command import nix
from ..nix.log import LOG_FORMAT, NixLog, is_error, readable
from ..nix.machine import portions

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ..nix.machine import Machine

SCHEMES = ("ssh", "ssh-ng", "file", "http", "https", "s3")
# Parameters of Nix that name a signing key: one that is given so would be used unexamined.
KEY_PARAMETERS = ("secret-key", "secret-keys")
UNPRINTABLE = re.compile(r"[\s\x00-\x1f\x7f]")
INFO_FILE = "nix-cache-info"


@dataclasses.dataclass(frozen=True)
class Store:
    """A store by its address; ``directory`` is where it is on the machine itself, if it is."""

    uri: str
    scheme: str
    directory: str | None = None

    @property
    def info_file(self) -> str | None:
        """The file that makes a directory a binary cache."""
        return self.directory and f"{self.directory}/{INFO_FILE}"

    @property
    def adds_signatures(self) -> bool:
        """Whether a path that is there already can be given one more signature."""
        return self.scheme != "ssh"


def parse_store(uri: str) -> Store:
    """Read the address of a store; raises ``CacheError`` for what is none, or holds a secret."""
    try:
        parts = urllib.parse.urlsplit(uri)
        password = parts.password
        local = parts.scheme == "file"
        known = parts.scheme in SCHEMES and uri.startswith(f"{parts.scheme}://") and not UNPRINTABLE.search(uri)
        if not known or bool(parts.netloc) is local or (local and not parts.path.startswith("/")):
            raise ValueError
    except ValueError:
        raise CacheError(
            f"not the address of a store that can be pushed to: {redacted(uri)!r}", code="bad_address", advice=_FORMS
        ) from None
    if password is not None:
        raise CacheError(
            "the address of the store has a password in it, which everyone on the machine could read",
            code="bad_address",
            advice="leave it out, and have Nix read it from a file: `deploy_nix_options: {netrc-file: /etc/nix/netrc}`",
        )
    parameters = urllib.parse.parse_qs(parts.query, keep_blank_values=True)
    if named := [name for name in KEY_PARAMETERS if name in parameters]:
        raise CacheError(
            f"the address of the store has the parameter {named[0]}",
            code="bad_address",
            advice="name the key in deploy_cache_key_file instead",
        )
    return Store(uri, parts.scheme, urllib.parse.unquote(parts.path.rstrip("/")) if local else None)


_FORMS: t.Final = (
    "give it as Nix does: ssh-ng://user@host, ssh://user@host, file:///srv/cache, https://cache.example.org or"
    " s3://bucket?region=eu-west-1"
)


MEANINGS = (
    Meaning(
        r"lacks (a signature|a valid signature|signature) by a trusted key",
        "it takes no paths that no key it trusts has signed",
        "sign them (deploy_cache_key_file) with a key that is in trusted-public-keys of that machine's nix.conf, or log in there as root"
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
        "check what the user who pushes may do there: for http, `netrc-file` in deploy_nix_options and the methods that the server allows;"
        " for S3, ~/.aws/credentials, `profile=` in the address, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the"
        " task's environment",
    ),
    Meaning(
        # What Nix makes of any answer to its first file.
        r"does not appear to be a binary cache",
        "there is no binary cache, and this user cannot make one",
        "check the address, that its server takes PUT (docs/caches.md has nginx's lines for it), and what the user who pushes may do"
        " there (`netrc-file` in deploy_nix_options)",
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
                code="store",
                command=command,
                log=RESPONSE.sub("", log),
                advice=meaning.advice,
            )
    cause = RESPONSE.sub("", causes[-1]) if causes else f"Nix ended with exit code {rc} and did not say why"
    return CacheError(
        f"{store.uri}, as seen from {machine}: {cause}",
        code="store",
        command=command,
        log=RESPONSE.sub("", log),
        advice=f"run the command on {machine} to see all of its messages",
    )


NOT_VALID = re.compile(r"path '(?P<path>/nix/store/[^']+)' is not valid")
UNTRUSTED = re.compile(r"path '(?P<path>/nix/store/[^']+)' is untrusted")
# Nix remembers for days what binary caches have. What has gone there since is what is asked for here; for as long as one
# question lasts it may remember the answers, of which it has more than one use.
ASK_ANEW = {"narinfo-cache-positive-ttl": 10, "narinfo-cache-negative-ttl": 0}


@dataclasses.dataclass(frozen=True)
class Lack:
    """What a store lacks: paths, and signatures of paths that it has."""

    missing: tuple[str, ...] = ()
    unsigned: tuple[str, ...] = ()


def verification(store: Store, paths: Sequence[str], public_key: str | None) -> list[str]:
    """Return the command that names what ``store`` lacks of ``paths``; without a key, signatures do not matter."""
    trust = (
        ["--no-trust"] if public_key is None else ["--sigs-needed", "1", "--option", "trusted-public-keys", public_key]
    )
    return nix("store", "verify", *LOG_FORMAT, "--no-contents", *trust, "--store", store.uri, "--", *paths)


def lack(store: Store, paths: Sequence[str], machine: Machine, *, public_key: str | None = None) -> Lack:
    """Return what ``store`` lacks of ``paths`` as ``machine`` sees it; raises ``CacheError`` when it cannot be asked."""
    found = Lack()
    for some in portions(paths, len):
        part = _asked(store, verification(store, some, public_key), machine)
        found = Lack((*found.missing, *part.missing), (*found.unsigned, *part.unsigned))
    return found


def _asked(store: Store, command: Sequence[str], machine: Machine) -> Lack:
    answer = machine.run(command)
    if answer.ok:
        return Lack()
    log = NixLog().read_all(answer.stderr)
    missing, unsigned, other = [], [], []
    for message in log.messages:
        if found := NOT_VALID.search(message.text):
            missing.append(found["path"])
        elif found := UNTRUSTED.search(message.text):
            unsigned.append(found["path"])
        elif is_error(message.text):
            other.append(message)
    if other or not (missing or unsigned):
        raise failure(
            store,
            command=readable(command),
            causes=[message.cause for message in other],
            # What ssh says itself is no message of Nix's.
            log="\n".join([*log.other, *(message.text for message in other)]) or log.text,
            machine=machine.name,
            rc=answer.rc,
        )
    return Lack(tuple(dict.fromkeys(missing)), tuple(dict.fromkeys(unsigned)))


def prove(store: Store, paths: Sequence[str], machine: Machine) -> None:
    """Raise ``CacheError`` unless ``machine`` finds the closure of ``paths`` in ``store``, signed by keys that it trusts.

    What was asked for is also read there, archive and all.
    """
    trust = ("--sigs-needed", "1", "--store", store.uri, "--", *paths)
    for how in (("--recursive", "--no-contents"), ()):
        command = nix("store", "verify", *LOG_FORMAT, *how, *trust)
        answer = machine.run(command)
        if not answer.ok:
            raise _unproved(store, command, NixLog().read_all(answer.stderr), machine, answer.rc)


def _unproved(store: Store, command: Sequence[str], log: NixLog, machine: Machine, rc: int) -> CacheError:
    messages = "\n".join(message.text for message in log.messages)
    untrusted = UNTRUSTED.findall(messages)
    if untrusted:
        return CacheError(
            f"{store.uri} has {untrusted[0]} without a signature that {machine.name} trusts",
            code="unsigned",
            command=readable(command),
            log=messages,
            advice="push it with a key (deploy_cache_key_file), and have the machine trust that one:"
            " nix.settings.extra-trusted-public-keys in its configuration",
        )
    missing = NOT_VALID.findall(messages)
    if missing:
        return CacheError(
            f"{store.uri}, as seen from {machine.name}, does not have {missing[0]}",
            code="missing",
            command=readable(command),
            log=messages,
            advice="push it there: nix_cache_push, nix.fleet.cache; or, if it is there, let this machine read it: a bucket that does"
            " not answers as if it were empty",
        )
    causes = [message.cause for message in log.errors]
    return failure(store, command=readable(command), causes=causes, log=log.text, machine=machine.name, rc=rc)
