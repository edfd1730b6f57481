# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a closure what a machine runs, or go back."""

from __future__ import annotations

import datetime
import getpass
import platform as controller_platform
import secrets
import typing as t

from ansible import constants

from ..plugin_utils.activation.changes import changes
from ..plugin_utils.activation.deployment import deploy, details
from ..plugin_utils.activation.request import Origin, Request
from ..plugin_utils.activation.sentence import sentence
from ..plugin_utils.ansible_io.action import NixAction
from ..plugin_utils.ansible_io.connections import connection_to, shell_of
from ..plugin_utils.ansible_io.link import RenewableLink
from ..plugin_utils.errors import ActivationError
from ..plugin_utils.platforms.platform import GOALS
from ..plugin_utils.platforms.registry import platforms
from ..plugin_utils.process import run
from ..plugin_utils.transport.shell import run_command

if t.TYPE_CHECKING:
    from ..plugin_utils.activation.answer import Answer
    from ..plugin_utils.process import Completed

ADVICE = {
    "rolled_back": "correct the configuration and deploy again",
    "rollback_failed": "look at the machine at once: neither the new system nor the one before it runs as it should",
    "failed": "the machine may be between two systems: correct the cause and deploy again, or return with rollback",
    "superseded": "look at what runs there now, and deploy again",
}


class ActionModule(NixAction):
    """See the documentation of the module of the same name."""

    argument_spec: t.ClassVar[dict[str, t.Any]] = {
        "closure": {"type": "str"},
        "platform": {"type": "str", "default": "nixos", "choices": [*platforms()]},
        "profile": {"type": "str"},
        "activate": {"type": "str"},
        "goal": {"type": "str", "default": "switch", "choices": [*GOALS]},
        "rollback": {"type": "str"},
        "rollback_on_failure": {"type": "bool", "default": True},
        "failed_units": {"type": "str", "default": "fail", "choices": ["fail", "ignore", "rollback"]},
        "activation_timeout": {"type": "int", "default": 600},
        "install_bootloader": {"type": "bool", "default": False},
        "specialisation": {"type": "str"},
        "backup_extension": {"type": "str"},
        "description": {"type": "str"},
        "flake_revision": {"type": "str"},
        "flake_dirty": {"type": "bool"},
        "source_host": {"type": "str", "default": "localhost"},
        "nix_options": {"type": "dict", "default": {}},
    }
    constraints: t.ClassVar[dict[str, t.Any]] = {
        "mutually_exclusive": [["closure", "rollback"]],
        "required_one_of": [["closure", "rollback"]],
        "required_if": [["platform", "custom", ["profile", "activate"]]],
    }

    def perform(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """See ``NixAction.perform``."""
        request = self._request(options)
        link = RenewableLink(self.shell, self._reset)
        answer = deploy(link, request, say=self.announce)
        if not answer.good:
            raise failure(request, answer)
        if request.goal == "dry-activate" and answer.exit_code:
            raise ActivationError(
                f"the dry run ended with exit code {answer.exit_code}", log=answer.log, **details(request, answer)
            )
        if request.goal == "dry-activate":
            # What was asked for is this text, whatever the verbosity.
            for line in answer.log.splitlines():
                self.announce(line)
        difference = self._difference(link, answer, options["source_host"])
        if answer.failed_units and request.failed_units == "fail":
            raise ActivationError(
                f"the new system runs, but {answer.failed_units}",
                log=answer.log,
                advice="look at the units on the machine; deploying again tries them again",
                **details(request, answer) | difference | {"changed": True},
            )
        result = {
            **answer.to_result(),
            **difference,
            "id": request.id,
            "goal": request.goal,
            "changed": answer.outcome != "unchanged",
            "msg": sentence(request, answer),
        }
        if warnings := self._warnings(answer):
            result["warnings"] = warnings
        return result

    def _request(self, options: dict[str, t.Any]) -> Request:
        now = datetime.datetime.now(datetime.timezone.utc)
        return Request(
            id=f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}",
            platform=platforms()[options["platform"]],
            origin=Origin(
                user=getpass.getuser(),
                controller=controller_platform.node(),
                revision=options["flake_revision"],
                dirty=options["flake_dirty"],
                description=options["description"],
            ),
            closure=options["closure"],
            rollback=options["rollback"],
            profile=options["profile"],
            goal=options["goal"],
            program=options["activate"],
            specialisation=options["specialisation"],
            install_bootloader=options["install_bootloader"],
            rollback_on_failure=options["rollback_on_failure"],
            failed_units=options["failed_units"],
            activation_timeout=options["activation_timeout"],
            backup_extension=options["backup_extension"],
            nix_options=options["nix_options"],
            check=self.check_mode,
        )

    def _reset(self) -> None:
        if self._connection.transport == "ssh":
            self._connection.reset()

    def _difference(self, link: RenewableLink, answer: Answer, source_host: str) -> dict[str, t.Any]:
        """Return what is to be shown of the change, as fields of the result."""
        before = answer.previous.running or answer.previous.closure
        if not self.diff_mode or answer.closure is None or before is None:
            return {}
        found = changes(link, before, answer.closure, source=lambda argv: self._at_source(source_host, argv))
        return {} if found is None else {"diff": {"prepared": found.text}, "closure_diff": found.to_result()}

    def _at_source(self, host: str, argv: list[str]) -> Completed:
        if host in constants.LOCALHOST and host not in self.variables.get("hostvars", {}):
            return run(argv)
        return run_command(shell_of(connection_to(self, host), host), *argv)

    def _warnings(self, answer: Answer) -> list[str]:
        warnings = [f"{self.play_host}: {text}" for text in answer.warnings]
        if answer.failed_units:
            warnings.append(f"{self.play_host}: {answer.failed_units}")
        return warnings


def failure(request: Request, answer: Answer) -> ActivationError:
    """Return the error of a deployment that did not end well."""
    ending = {
        "rolled_back": "; the machine is back on the system it ran before",
        "rollback_failed": "; going back to the system it ran before FAILED too",
    }.get(answer.outcome, "")
    advice = answer.advice or ADVICE.get(answer.outcome)
    if advice and answer.log_file:
        advice = f"{advice}; the whole log is on the target: {answer.log_file}"
    return ActivationError(
        f"{answer.cause or 'the target gave no reason'}{ending}",
        log=answer.log,
        advice=advice,
        **details(request, answer) | {"changed": answer.outcome != "refused"},
    )
