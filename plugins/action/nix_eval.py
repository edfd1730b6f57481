# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""nix_eval: what is to be built for a host, or any other value of a flake, file or expression."""

from __future__ import annotations

import os
import time
import typing as t

from ansible.module_utils.common.text.formatters import human_to_bytes

from ..plugin_utils.activation.intention import see_that_it_can_be
from ..plugin_utils.ansible_io.action import NixAction, warnings_of
from ..plugin_utils.ansible_io.host_variables import variables_of
from ..plugin_utils.ansible_io.plain import plain
from ..plugin_utils.ansible_io.source import SOURCE_OPTIONS, machine_of, source_of
from ..plugin_utils.errors import EvaluationError, NixError
from ..plugin_utils.nix.evaluation_cache import EvaluationCache
from ..plugin_utils.nix.evaluation_result import Failed
from ..plugin_utils.nix.revision import named_revisions
from ..plugin_utils.nix.sending import sent
from ..plugin_utils.nix.shared_evaluation import SharedEvaluation
from ..plugin_utils.nix.store import store_path_name
from ..plugin_utils.nix.task_evaluation import Request
from ..plugin_utils.platforms.registry import platforms

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ..plugin_utils.nix.source import Source

THE_VALUE_ITSELF = "value: value"
# Where an inventory says what is evaluated for a host, by option.
HOST_VARIABLES = {"attr": "nix_attr", "flake": "nix_flake", "impure": "nix_impure"}


class ActionModule(NixAction):
    """See plugins/modules/nix_eval.py."""

    argument_spec: t.ClassVar[dict[str, t.Any]] = {
        **SOURCE_OPTIONS,
        "expr": {"type": "str"},
        "attr": {"type": "str"},
        "apply": {"type": "str"},
        "hosts": {"type": "list", "elements": "str", "default": []},
        "whole_play": {"type": "bool", "default": False},
        "host_variables": {"type": "dict", "default": HOST_VARIABLES},
        "eval_memory": {"type": "str"},
        "timeout": {"type": "int"},
        "revision": {"type": "list", "elements": "str", "default": []},
        "deployment": {
            "type": "dict",
            "options": {
                "builder": {"type": "str"},
                "goal": {"type": "str"},
                "platform": {"type": "str", "choices": [*platforms()]},
                "max_failed": {"type": "str"},
            },
        },
        "send_flake": {"type": "bool", "default": False},
    }
    constraints: t.ClassVar[dict[str, t.Any]] = {
        "mutually_exclusive": [["flake", "file", "expr"]],
        "required_one_of": [["flake", "file", "expr"]],
    }

    def perform(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """Evaluate, together with the other hosts of the task where that can be."""
        begin = time.monotonic()
        try:
            if options["deployment"]:
                see_that_it_can_be(options["deployment"], self.variables["hostvars"])
            revisions, memory = named_revisions(options["revision"]), _memory(options["eval_memory"])
        except NixError as error:
            # The play host's variables are wrong, whichever machine was to evaluate them.
            error.host = error.host or self.play_host
            raise
        apply = options["apply"] or (THE_VALUE_ITSELF if options["expr"] is not None else None)
        if options["attr"] is None and apply is None:
            raise EvaluationError("neither attr nor apply says what to evaluate", host=self.play_host)
        attribute = options["attr"] or ""
        shared = SharedEvaluation(
            Request(source_of(self, options), apply, options["timeout"], memory, revisions),
            machine_of(self, options),
            EvaluationCache.of_user(),
            task=f"{os.getppid()} {self._task._uuid}",
            prepare=self._sent if options["send_flake"] and not self.on_controller else None,
        )
        answer = shared.ask(attribute, lambda: self._others(options))
        result, snapshot = answer.result, answer.snapshot
        if isinstance(result, Failed):
            raise result.error(host=self.play_host)
        found = {"value": result.value} if apply else {"drv_path": result.drv_path, "out_path": result.out_path}
        return {
            **found,
            "attr": attribute,
            "flake_revision": snapshot.revision,
            "flake_dirty": snapshot.dirty,
            "flake_identity": snapshot.identity,
            "flake_locked_url": snapshot.locked_url,
            "cached": answer.cached,
            **warnings_of(result.warnings),
            "seconds": round(time.monotonic() - begin, 2),
            "changed": False,
            "msg": _sentence(attribute, found.get("drv_path"), cached=answer.cached),
        }

    def _sent(self, source: Source) -> Source:
        return sent(source, self.shell)

    def _others(self, options: dict[str, t.Any]) -> Iterator[str]:
        """Yield the attributes of the hosts that can be evaluated along with this one."""
        names = dict(options["host_variables"])
        attribute = names.pop("attr", HOST_VARIABLES["attr"])
        alike = list(names.values())
        mine = variables_of(self, self.play_host, alike)
        of_play = plain(self.variables["ansible_play_hosts_all"]) if options["whole_play"] else []
        for host in dict.fromkeys([*options["hosts"], *of_play]):
            if host == self.play_host:
                continue
            if host not in self.variables["hostvars"]:
                raise EvaluationError(
                    f"hosts names {host}, which is not in the inventory",
                    host=self.play_host,
                    advice="give names of inventory hosts, or set whole_play for those of the play",
                )
            its = variables_of(self, host, [attribute, *alike])
            wanted = its.pop(attribute, None)
            if wanted and its == mine:
                yield wanted


def _memory(text: str | None) -> int | None:
    """Return the bytes that an amount of memory means, without Ansible's own words for one that is none."""
    if text is None:
        return None
    try:
        return int(human_to_bytes(text))
    except ValueError as error:
        raise EvaluationError(
            f"eval_memory is no amount of memory: {text!r}", advice="write for example 4G (deploy_eval_memory)"
        ) from error


def _sentence(attribute: str, derivation: str | None, *, cached: bool) -> str:
    """Return what came of the evaluation."""
    what = f"evaluates to {store_path_name(derivation)}" if derivation else "has a value"
    return f"{attribute or 'the expression'} {what}{', as in an earlier run' if cached else ''}"
