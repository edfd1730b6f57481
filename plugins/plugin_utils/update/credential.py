# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A token for a remote of Git, which reaches Git in its environment, and nothing and nobody else.

No command line has it, no file and no setting of Git's. The helper that hands it out is asked for one host alone, so that a
redirection leads it nowhere; and it is the only one, since Git tells every helper a token that worked, and some write it
down.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ..core.errors import GitError

if t.TYPE_CHECKING:
    from collections.abc import Mapping

WEB = re.compile(r"(?P<scheme>https?)://(?:[^/@]*@)?(?P<host>[^/@=]+)(?:/.*)?")
# Where nothing travels: what is sent without encryption goes nowhere else.
LOOPBACK = re.compile(r"(localhost|127(\.[0-9]+){3}|\[::1\])(:[0-9]+)?")
# user:PASSWORD@host
PASSWORD = re.compile(r"[a-z+]+://[^/@:]*:[^/@]+@.*")
TOKEN, USER = "NIX_FLEET_GIT_TOKEN", "NIX_FLEET_GIT_USER"
HELPER = f"""!f() {{ test "$1" = get && printf 'username=%s\\npassword=%s\\n' "${USER}" "${TOKEN}"; }}; f"""


def refuse_password(url: str) -> None:
    """Refuse an address with a password in it, which everyone could read on command lines."""
    if PASSWORD.fullmatch(url):
        raise GitError(
            "the address of the remote has a password in it, which would be seen on command lines",
            advice="leave it out there, and give it as token",
        )


@dataclasses.dataclass(frozen=True)
class Credential:
    """What Git is told in ``options``, which everyone may see, and in the environment, which has the token."""

    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)


def credential(url: str, user: str, token: str) -> Credential:
    """Return what lets Git sign in at ``url``, on whichever machine and with whatever settings it has there.

    Raises ``GitError`` where a token is of no use: any other address than one of the web has other ways to sign in.
    """
    web = WEB.fullmatch(url)
    if web is None:
        raise GitError(
            "a token is of use for a remote of https alone",
            advice="leave token out; ssh signs in with its keys",
        )
    if web["scheme"] == "http" and not LOOPBACK.fullmatch(web["host"]):
        raise GitError(
            f"a token would travel to {web['host']} without encryption, for everyone on the way to read",
            advice="give the remote an address of https",
        )
    if any(mark in token + user for mark in "\n\r\0"):
        raise GitError("the token has a line break", advice="give it as one line")
    # A user in the address is part of what Git asks for, and a setting for a host answers for each of its users.
    helper = f"credential.{web['scheme']}://{web['host']}.helper={HELPER}"
    return Credential(("-c", "credential.helper=", "-c", helper), {TOKEN: token, USER: user})
