# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""nix_semaphore: a project of Semaphore, as its server is to hold it."""

from __future__ import annotations

import typing as t

from ..plugin_utils.ansible.action import NixAction
from ..plugin_utils.ansible.web import SemaphoreServer
from ..plugin_utils.job_servers.semaphore import Access, Setup


class ActionModule(NixAction):
    """See plugins/modules/nix_semaphore.py."""

    def perform(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """Have the server hold the project, or say what would be made and changed."""
        access = Access.of(options["url"], options["token"])
        server = SemaphoreServer(access, timeout=options["timeout"], validate_certs=options["validate_certs"])
        setup = Setup(server, options["project"], options["secrets"], self.check_mode, options["replace_keys"])
        setup.run()
        told = "would make: {}, would change: {}" if self.check_mode else "made: {}, changed: {}"
        return {
            "made": setup.made,
            "updated": setup.changed,
            "changed": bool(setup.made or setup.changed),
            **({"diff": setup.differences} if self.diff_mode else {}),
            "msg": told.format(len(setup.made), len(setup.changed)),
        }
