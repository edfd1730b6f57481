# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The community's own checks of a collection, by antsibull-nox: `nox -l` lists them, antsibull-nox.toml sets them.

The Makefile is this project's door and needs none of this; a maintainer of the Ansible community finds here what they
expect. Sessions whose name begins with ansible-test need containers.
"""

from __future__ import annotations

import nox
from antsibull_nox import load_antsibull_nox_toml

load_antsibull_nox_toml()

if __name__ == "__main__":
    nox.main()
