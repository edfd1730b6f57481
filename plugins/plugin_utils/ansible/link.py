# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine's shell for work that may cost the connection that asked for it."""

from __future__ import annotations

import dataclasses
import secrets
import typing as t

from ansible.errors import AnsibleError

from ..copy.script_link import ConnectionLostError
from ..core.errors import NixError
from .bounded import EndlessAnswerError, NoAnswerError
from .shell import AnswerBrokeOffError

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ..core.process import Completed
    from ..core.shell import Shell

# What Ansible says instead of ssh's own words, in a task with no_log.
CENSORED = "censored due to no log"


class RenewableLink:
    """Runs scripts over ``shell``; ``reset`` drops the connection below it, so that the next script makes a new one.

    Of a connection that failed, Ansible tells no more than what came as standard error. There a script's first line
    leaves a mark: with it the script has begun, and without it nothing has, whatever the reason.
    """

    def __init__(self, shell: Shell, reset: Callable[[], None]) -> None:
        self._shell = shell
        self._reset = reset
        self._mark = f"nix.fleet-{secrets.token_hex(8)} has begun"
        self._reached = False

    def run(self, script: str) -> Completed:
        """See ``ScriptLink.run``. A machine that could not be reached in the first place is Ansible's to report.

        Once a script has begun, so that it may be at work, whatever keeps the next one from running is a lost connection:
        an activation may leave a machine without sudo, or without a login, for a moment.
        """
        try:
            answer = self._shell.run(f"printf '{self._mark}\\n' >&2\n{script}")
        except EndlessAnswerError:
            raise
        except (NixError, AnsibleError) as error:
            text = _text(error)
            # A line that died without a word has no answer. Where nothing is told, waiting is the lesser evil: the script
            # may be at work.
            self._reached = (
                self._reached
                or isinstance(error, (AnswerBrokeOffError, NoAnswerError))
                or self._mark in text
                or CENSORED in text
            )
            if not self._reached:
                raise
            raise ConnectionLostError(self._unmarked(text)) from error
        self._reached = True
        return dataclasses.replace(answer, stderr=self._unmarked(answer.stderr))

    def renew(self) -> None:
        """See ``ScriptLink.renew``."""
        try:
            self._reset()
        except (AnsibleError, OSError):
            # There was nothing left to drop.
            return

    def _unmarked(self, text: str) -> str:
        return text.replace(f"{self._mark}\n", "").replace(self._mark, "")


class FreshLink:
    """Runs each script over a connection of its own, that of ``shell``: it stands for whoever comes after us.

    A login that no longer runs what it is sent, or that may no longer escalate, is as lost as a line that is cut.
    """

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def run(self, script: str) -> Completed:
        """See ``ScriptLink.run``."""
        try:
            return self._shell.run(script)
        except EndlessAnswerError:
            raise
        except (NixError, AnsibleError) as error:
            raise ConnectionLostError(_text(error)) from error

    def renew(self) -> None:
        """See ``ScriptLink.renew``: every connection is a new one."""


def _text(error: NixError | AnsibleError) -> str:
    return f"{error.cause}\n{error.log}".strip() if isinstance(error, NixError) else str(error)
