# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine's shell for work that may cost the connection that asked for it."""

from __future__ import annotations

import re
import typing as t

from ansible.errors import AnsibleAuthenticationFailure, AnsibleConnectionFailure, AnsibleError

from ..activation.deployment import ConnectionLostError

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ..process import Completed
    from ..transport.shell import Shell

# What ssh says when it never got as far as a shell. Anything else may have happened in the middle of the work.
NEVER_CONNECTED = re.compile(
    r"ssh: connect to host|Could not resolve hostname|Host key verification failed|Permission denied \("
    r"|kex_exchange_identification|banner exchange|UNPROTECTED PRIVATE KEY"
)


class RenewableLink:
    """Runs scripts over ``shell``; ``reset`` drops the connection below it, so that the next script makes a new one."""

    def __init__(self, shell: Shell, reset: Callable[[], None]) -> None:
        self._shell = shell
        self._reset = reset
        self._reached = False

    def run(self, script: str) -> Completed:
        """See ``Link.run``. A machine that could not be reached in the first place is Ansible's to report."""
        try:
            answer = self._shell.run(script)
        except AnsibleConnectionFailure as error:
            if not self._reached and never_connected(error):
                raise
            self._reached = True
            raise ConnectionLostError(str(error)) from error
        self._reached = True
        return answer

    def renew(self) -> None:
        """See ``Link.renew``."""
        try:
            self._reset()
        except (AnsibleError, OSError):
            # There was nothing left to drop.
            return


def never_connected(error: AnsibleConnectionFailure) -> bool:
    """Whether the script certainly did not start."""
    return isinstance(error, AnsibleAuthenticationFailure) or bool(NEVER_CONNECTED.search(str(error)))
