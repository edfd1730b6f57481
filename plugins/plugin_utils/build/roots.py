# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the links are that keep what is deployed from the garbage collector.

Below one directory of the machine there is ``built/NAME`` for what was built for a host, and ``copied/NAME/1…`` for what
was copied to it: who builds for a host may one day be who it is copied to.
"""

from __future__ import annotations

import urllib.parse


def root_name(host: str) -> str:
    """Return the file name that stands for ``host``, whatever characters its name has.

    >>> root_name("web@db.example"), root_name("../a b"), root_name(".")
    ('web@db.example', '%2E.%2Fa%20b', '%2E')
    """
    quoted = urllib.parse.quote(host, safe="@")
    return f"%2E{quoted[1:]}" if quoted.startswith(".") else quoted
