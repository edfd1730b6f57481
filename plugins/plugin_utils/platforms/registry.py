# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All platforms: each is a file of this directory that defines ``PLATFORM``, and nothing else has to know."""

from __future__ import annotations

import functools
import importlib
import pathlib
import typing as t

if t.TYPE_CHECKING:
    from .platform import Platform


@functools.cache
def platforms() -> dict[str, Platform]:
    """Return every platform by its name and by its other names."""
    # A platform is the pair of a Python file and a shell file.
    names = sorted(path.stem for path in pathlib.Path(__file__).parent.glob("*.sh"))
    package = __name__.rpartition(".")[0]
    found: list[Platform] = [importlib.import_module(f"{package}.{name}").PLATFORM for name in names]
    return {name: platform for platform in found for name in (platform.name, *platform.aliases)}


def by_presence() -> list[Platform]:
    """Return every platform once, in the order in which a machine is asked whether it is one of theirs."""
    every = {platform.name: platform for platform in platforms().values()}
    return sorted(every.values(), key=lambda platform: (not platform.whole_machine, platform.name))
