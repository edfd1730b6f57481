# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tasks that activate, and those that ask whether there is anything to activate, share."""

from __future__ import annotations

import getpass
import os
import platform as controller_platform
import typing as t

from ansible import constants

from ..activation.answer import NOT_IN_JOURNAL, message, warnings_of_activation
from ..activation.deployment import up_to_date
from ..activation.request import Origin
from ..core.errors import ActivationError, NixError
from ..core.process import run, run_command
from ..nix.store import root_name
from ..platforms.platform import platforms
from ..run_state.job import job_of, variables_of_jobs
from .connections import connection_to, shell_of
from .run import run_id
from .shell import EndlessAnswerError, NoAnswerError, RenewableLink
from .variables import plain

if t.TYPE_CHECKING:
    from ..activation.answer import Answer
    from ..activation.request import Request
    from ..core.process import Completed, Shell
    from .action import NixAction


def target_of(options: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return the fields of a request that say what a closure is to be on its machine, and for how long that may take."""
    return {
        "platform": platforms()[options["platform"]],
        "profile": options["profile"],
        "goal": options["goal"],
        "program": options["activate"],
        "specialisation": options["specialisation"],
        "install_bootloader": options["install_bootloader"],
        "activation_timeout": options["activation_timeout"],
    }


def confirm_seconds(options: dict[str, t.Any]) -> int:
    """Return for how many seconds a machine waits for its confirmation."""
    if options["confirm_timeout"] < 1:
        raise ActivationError(
            f"confirm_timeout is not a number of seconds: {options['confirm_timeout']}",
            code="bad_option",
            advice="to wait for nobody, say so: confirm: never (deploy_confirm: false)",
            outcome="refused",
        )
    return int(options["confirm_timeout"])


def origin(
    action: NixAction, *, revision: str | None = None, dirty: bool | None = None, description: str | None = None
) -> Origin:
    """Return who deploys, in which run of which job, and what."""
    variables = plain(variables_of_jobs(action.variables))
    job = job_of(variables, os.environ)
    return Origin(
        user=(job and job.user) or getpass.getuser(),
        controller=controller_platform.node(),
        job=job,
        run=run_id(variables),
        revision=revision,
        dirty=dirty,
        description=description,
    )


def ask_whether_up_to_date(action: NixAction, request: Request, *, before_copy: bool) -> Answer | None:
    """Return the answer of a machine that has nothing to do, or None. Raises ``AnsibleConnectionFailure``.

    ``before_copy``: a machine that has something to do is copied the closure next, so that one which has not must keep it.
    """
    gc_root = root_name(action.play_host) if before_copy and not action.check_mode else None
    try:
        return up_to_date(action.questions, request, gc_root=gc_root)
    except (EndlessAnswerError, NoAnswerError):
        # To be asked again could cost as much memory, or as much time, once more.
        raise
    except NixError:
        # Whoever sends the program finds out what the trouble is, and has more to say of it.
        return None


def difference(action: NixAction, link: RenewableLink, answer: Answer, source_host: str) -> dict[str, t.Any]:
    """Return what is to be shown of the change, as fields of the result."""
    before = answer.previous.running or answer.previous.closure
    if not action.diff_mode or answer.closure is None or before is None:
        return {}
    # Most deployments show no difference.
    from ..activation.changes import changes

    found = changes(link, before, answer.closure, source=lambda argv: _at_source(action, source_host, argv))
    return {} if found is None else {"diff": {"prepared": found.text}, "closure_diff": found.to_result()}


def units_by_source(action: NixAction, link: RenewableLink, answer: Answer, source_host: str) -> str:
    """Return what is known of the units of a closure that only ``source_host`` has, which no dry run was made of."""
    if answer.exit_code is not None or answer.closure is None or answer.previous.running is None:
        return ""
    from ..activation.changes import unit_changes

    found = unit_changes(
        link, answer.previous.running, answer.closure, source=lambda argv: _at_source(action, source_host, argv)
    )
    return "" if found is None else found.text


def _at_source(action: NixAction, host: str, argv: list[str]) -> Completed:
    if host in constants.LOCALHOST and host not in action.variables.get("hostvars", {}):
        return run(argv)
    return run_command(shell_of(connection_to(action, host), host), *argv)


def renewable(action: NixAction, shell: Shell) -> RenewableLink:
    """Return the link that runs scripts over ``shell`` of ``action``, and makes its connection anew where that can be done."""

    def reset() -> None:
        if action._connection.transport == "ssh":
            action._connection.reset()

    return RenewableLink(shell, reset)


def result_unchanged(
    action: NixAction, link: RenewableLink, request: Request, answer: Answer, source_host: str, *, before_copy: bool
) -> dict[str, t.Any]:
    """Return the result for a machine that has nothing to do."""
    return {
        **result_of(action.play_host, request, answer),
        **difference(action, link, answer, source_host),
        # As the copy would have said that is left out now.
        **({"copied_bytes": 0} if before_copy else {}),
    }


def result_of(host: str, request: Request, answer: Answer) -> dict[str, t.Any]:
    """Return what came of a request for ``host`` as the fields of a result."""
    return {
        **answer.to_result(),
        **warnings_of_activation(host, answer),
        **request_fields(request),
        **({"recorded": answer.code != NOT_IN_JOURNAL} if request.rollback else {}),
        "changed": answer.outcome != "unchanged",
        "msg": message(request, answer),
    }


def request_fields(request: Request) -> dict[str, t.Any]:
    """Return what a result says of the request itself."""
    return {"id": request.id, "run": request.origin.run, "goal": request.goal, "rollback": request.rollback}


def result_needed(request: Request) -> dict[str, t.Any]:
    """Return the result for a machine that was only asked, and has something to do."""
    return {**request_fields(request), "changed": False, "outcome": "needed", "msg": "there is something to do"}
