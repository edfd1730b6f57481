# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a garbage collector root of ours says of a derivation: that it was built, so that Nix need only be asked whether it still is.

The derivation itself is read, in the form that Nix stores it in (a term ``Derive([("out","/nix/store/…","",""),…``); where
it has several outputs, or one whose path is known only when it is built, Nix builds as ever.
"""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

from ..nix.store import STORE_PATH, protect
from .build import Output

if t.TYPE_CHECKING:
    from ..nix.machine import Machine

ONLY_OUTPUT = re.compile(rf'Derive\(\[\("out","({STORE_PATH.pattern})","",""\)\],')
LONGEST_BEGINNING = 1024
# What is missing is Nix's to build, which says then what it fetches.
AS_IT_IS = ("--option", "substitute", "false")


def built_before(derivation: str, root: str, machine: Machine) -> Output | None:
    """Return the output of ``derivation`` when ``root`` leads to it and it is valid on ``machine``, else None.

    The link alone says neither that the store still has it, nor that the collector still knows of the link: it is made anew.
    """
    try:
        with Path(derivation).open(encoding="utf-8", errors="replace") as file:
            output = ONLY_OUTPUT.match(file.read(LONGEST_BEGINNING))
        if output is None or str(Path(root).readlink()) != output[1]:
            return None
    except OSError:
        return None
    if not machine.run([*protect(output[1], root), *AS_IT_IS]).ok:
        return None
    return Output({"out": output[1]}, derivation)
