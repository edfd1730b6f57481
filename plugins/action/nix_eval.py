# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""nix_eval: what is to be built for a host, or any other value of a flake, file or expression."""

from __future__ import annotations

import typing as t

from ..plugin_utils.ansible.action import NixAction
from ..plugin_utils.ansible.evaluation import evaluated, machine_of, source_of
from ..plugin_utils.core.errors import EvaluationError

if t.TYPE_CHECKING:
    from ..plugin_utils.nix.source import Source

THE_VALUE_ITSELF = "value: value"


class ActionModule(NixAction):
    """See plugins/modules/nix_eval.py."""

    constraints: t.ClassVar[dict[str, t.Any]] = {
        "mutually_exclusive": [["flake", "file", "expr"]],
        "required_one_of": [["flake", "file", "expr"]],
    }

    def perform(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """Evaluate, together with the other hosts of the task where that can be."""
        apply = options["apply"] or (THE_VALUE_ITSELF if options["expr"] is not None else None)
        if options["attr"] is None and apply is None:
            raise EvaluationError(
                "neither attr nor apply says what to evaluate", code="bad_option", host=self.play_host
            )
        return evaluated(
            self,
            options,
            source_of(self, options),
            machine_of(self, options),
            apply=apply,
            prepare=self._sent if options["send_flake"] and not self.on_controller else None,
        )

    def _sent(self, source: Source) -> Source:
        # The controller mostly evaluates what it has.
        from ..plugin_utils.evaluation.sending import sent

        return sent(source, self.shell)
