# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The platforms: the name of each, where a flake has it, what can be asked of it, and its shell functions."""

from __future__ import annotations

import dataclasses
import functools
import pathlib

GOALS = ("switch", "boot", "test", "dry-activate")


@dataclasses.dataclass(frozen=True)
class Platform:
    """One kind of closure that can be made active.

    Its shell functions lie in a file of its name beside this one, and are those of ``target/platform.sh``, of which a platform
    defines again what it does differently.

    ``output`` is the standard flake output with the platform's configurations, and ``built`` the attribute of one of
    them that is built. A platform that ``escalates`` is made active by root, and one that is ``impure`` is evaluated
    so. A platform that is not the whole machine's is looked for on a machine only after those that are, and one that
    ``reboots`` is what the machine is booted with.
    """

    name: str
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
        file = pathlib.Path(__file__).with_name(f"{self.name.replace('-', '_')}.sh")
        return file.read_text(encoding="utf-8")

    def goal_problem(self, goal: str) -> str | None:
        """Return why nothing of the platform can be made active in this way, if it cannot."""
        return None if goal in self.goals else f"{self.name} has no goal {goal}; it has {', '.join(self.goals)}"


PLATFORMS = (
    Platform(
        "nixos",
        output="nixosConfigurations",
        built=("config", "system", "build", "toplevel"),
        escalates=True,
        reboots=True,
        goals=GOALS,
        takes_specialisation=True,
        takes_bootloader=True,
    ),
    Platform(
        "darwin",
        output="darwinConfigurations",
        built=("system",),
        escalates=True,
        reboots=True,
        aliases=("nix-darwin",),
    ),
    Platform(
        "nix-on-droid",
        output="nixOnDroidConfigurations",
        built=("activationPackage",),
        # It names the store path of proot-termux-static, which no derivation of its own makes: builtins.storePath.
        impure=True,
    ),
    Platform(
        "home-manager",
        output="homeConfigurations",
        built=("activationPackage",),
        goals=("switch", "test", "dry-activate"),
        whole_machine=False,
        takes_specialisation=True,
    ),
    # Any other profile whose closure has a program that makes it active.
    Platform("custom", goals=("switch",), whole_machine=False, takes_program=True),
)


@functools.cache
def platforms() -> dict[str, Platform]:
    """Return every platform by its name and by its other names."""
    every = sorted(PLATFORMS, key=lambda platform: platform.name)
    return {name: platform for platform in every for name in (platform.name, *platform.aliases)}


def by_presence() -> list[Platform]:
    """Return every platform once, in the order in which a machine is asked whether it is one of theirs."""
    return sorted(PLATFORMS, key=lambda platform: (not platform.whole_machine, platform.name))
