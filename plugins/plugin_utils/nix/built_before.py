# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a garbage collector root of ours says of a derivation: what it leads to is valid, and nobody need be asked.

A root is made of what is valid and keeps it so. The derivation itself is read, in the form that Nix stores it in (a term
``Derive([("out","/nix/store/…","",""),…``); where it has several outputs, or one whose path is known only when it is
built, Nix is asked as ever.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from .build import Output
from .store import STORE_PATH

ONLY_OUTPUT = re.compile(rf'Derive\(\[\("out","({STORE_PATH.pattern})","",""\)\],')
LONGEST_BEGINNING = 1024


def built_before(derivation: str, root: str) -> Output | None:
    """Return the output of ``derivation`` when ``root`` leads to it, else None."""
    try:
        with Path(derivation).open(encoding="utf-8", errors="replace") as file:
            output = ONLY_OUTPUT.match(file.read(LONGEST_BEGINNING))
        if output is None or str(Path(root).readlink()) != output[1] or not os.path.lexists(output[1]):
            return None
    except OSError:
        return None
    return Output({"out": output[1]}, derivation)
