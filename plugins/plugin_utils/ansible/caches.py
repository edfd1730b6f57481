# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where results are kept on the controller: with its user, or where that cannot be, for as long as the run lasts."""

from __future__ import annotations

import dataclasses
import typing as t

from ..core.errors import NixError
from ..evaluation.evaluation_cache import EvaluationCache
from ..nix.machine import Controller
from .run import run_directory

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ..nix.machine import Machine


@dataclasses.dataclass(frozen=True)
class Caches:
    """Our own cache, what Nix on the controller is to find in its environment for its own, and what to warn of."""

    evaluations: EvaluationCache
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def used_by(self, machine: Machine) -> Machine:
        """Return ``machine`` with these caches, if it is the controller; another one has its own."""
        if isinstance(machine, Controller):
            return Controller({**self.environment, **machine.environment})
        return machine


def usable_caches() -> Caches:
    """Return the user's caches, or those of this run where the user's cannot be used."""
    try:
        return Caches(EvaluationCache.of_user())
    except NixError as error:
        place = run_directory() / "nix.fleet-caches"
        # Nix fetches no flake without a cache of its own.
        environment = {"XDG_CACHE_HOME": str(place)}
        # Without a host's name: Ansible shows it once.
        warning = f"{error.cause}, so that nothing is remembered for later runs; {error.advice}"
        try:
            return Caches(EvaluationCache(place / "evaluation"), environment, (warning,))
        except NixError as neither:
            raise NixError(
                f"{error.cause}, and {neither.cause}",
                advice="make room in one of them; or name another place for caches in XDG_CACHE_HOME, or for Ansible's own files"
                " in ANSIBLE_LOCAL_TEMP",
            ) from neither
