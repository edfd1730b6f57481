# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A token for a remote of Git, which reaches Git in its environment, and nothing and nobody else.

No command line has it, no file and no setting of Git's. The helper that hands it out is asked for one host alone, so that a
redirection leads it nowhere; and it is the only one, since Git tells every helper a token that worked, and some write it
down.
"""

from __future__ import annotations

import os
import re
import typing as t

from ..errors import GitError

if t.TYPE_CHECKING:
    from collections.abc import Mapping

WEB = re.compile(r"(?P<place>https?://(?:[^/@]*@)?(?P<host>[^/@]+))(?:/.*)?")
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


def credential_environment(url: str, user: str, token: str, earlier: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment that lets Git sign in at ``url``, after what ``earlier`` configures already.

    Raises ``GitError`` where a token is of no use: any other address than one of the web has other ways to sign in.
    """
    web = WEB.fullmatch(url)
    if web is None:
        raise GitError(
            "a token is of use for a remote of http or https alone",
            advice="leave token out; ssh signs in with its keys",
        )
    if any(mark in token + user for mark in "\n\r\0"):
        raise GitError("the token has a line break", advice="give it as one line")
    # A user in the address is part of what Git asks for, and a setting for a host answers for each of its users.
    scheme = web["place"].partition("://")[0]
    first = int((earlier or os.environ).get("GIT_CONFIG_COUNT", "0") or 0)
    settings = [("credential.helper", ""), (f"credential.{scheme}://{web['host']}.helper", HELPER)]
    pairs: dict[str, str] = {}
    for number, (key, value) in enumerate(settings, first):
        pairs |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return {**pairs, "GIT_CONFIG_COUNT": str(first + len(settings)), TOKEN: token, USER: user}
