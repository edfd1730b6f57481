# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a platform is: its name, where a flake has it, what can be asked of it, and its shell functions."""

from __future__ import annotations

import dataclasses
import pathlib

GOALS = ("switch", "boot", "test", "dry-activate")


@dataclasses.dataclass(frozen=True)
class Platform:
    """One kind of closure that can be made active.

    ``source`` is the Python file that defines the platform; the shell functions lie beside it under the same name,
    and are those of ``target/platform.sh``, of which a platform defines again what it does differently.

    ``output`` is the standard flake output with the platform's configurations, and ``built`` the attribute of one of
    them that is built. A platform that ``escalates`` is made active by root, and one that is ``impure`` is evaluated
    so. A platform that is not the whole machine's is looked for on a machine only after those that are, and one that
    ``reboots`` is what the machine is booted with.
    """

    name: str
    source: str
    output: str | None = None
    built: tuple[str, ...] = ()
    escalates: bool = False
    impure: bool = False
    goals: tuple[str, ...] = ("switch", "dry-activate")
    aliases: tuple[str, ...] = ()
    whole_machine: bool = True
    reboots: bool = False
    takes_program: bool = False
    takes_specialisation: bool = False
    takes_bootloader: bool = False

    @property
    def functions(self) -> str:
        """The platform's shell functions."""
        return pathlib.Path(self.source).with_suffix(".sh").read_text(encoding="utf-8")

    def goal_problem(self, goal: str) -> str | None:
        """Return why nothing of the platform can be made active in this way, if it cannot."""
        return None if goal in self.goals else f"{self.name} has no goal {goal}; it has {', '.join(self.goals)}"
