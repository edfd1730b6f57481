# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write a fleet of any source down as a nodes.nix."""

from __future__ import annotations

import os
import pathlib
import typing as t

from ansible.errors import AnsibleError
from ansible.plugins.loader import inventory_loader

from ..plugin_utils.ansible.action import NixAction
from ..plugin_utils.core.errors import InventoryError
from ..plugin_utils.core.private_directory import replace_file
from ..plugin_utils.core.text import counted
from ..plugin_utils.inventory.importing import prepared_import

PLUGIN = "nix.fleet.nix_inventory"


class ActionModule(NixAction):
    """See the documentation of the module of the same name."""

    def perform(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """See ``NixAction.perform``."""
        del options
        inventory = pathlib.Path(self._own_inventory()).absolute()
        file = inventory.parent / "nodes.nix"
        try:
            read = inventory_loader.get(PLUGIN).read(self._loader, str(inventory))
        except InventoryError:
            raise
        except AnsibleError as error:
            raise InventoryError(
                f"{inventory} cannot be used: {error}", code="bad_inventory", advice="correct its options"
            ) from None
        wanted = prepared_import(read, file)
        needed = bool(wanted.text)
        if wanted.text and not self.check_mode:
            _write(file, wanted.text)
        result = {
            "changed": needed,
            "path": str(file),
            "source": read.evaluated.source,
            "hosts": wanted.hosts,
            "msg": ". ".join((_message(wanted.hosts, file, needed, self.check_mode), *wanted.notes)),
        }
        if self.diff_mode and needed:
            result["diff"] = {"after_header": str(file), "before": "", "after": wanted.text}
        return result

    def _own_inventory(self) -> str:
        """Return the first of the run's inventories that is one of ours."""
        own = next((source for source in self.inventory_sources if source.endswith((".nix.yml", ".nix.yaml"))), None)
        if own is None:
            raise InventoryError(
                f"the run has no inventory file of {PLUGIN}",
                code="bad_inventory",
                advice="name a file that is there and ends in .nix.yml (-i)",
            )
        return own


def _write(file: pathlib.Path, text: str) -> None:
    """Put a whole new file in its place, with the permissions of any new file."""
    mask = os.umask(0)
    os.umask(mask)
    try:
        replace_file(file, text, 0o666 & ~mask)
    except OSError as error:
        raise InventoryError(
            f"{file} cannot be written: {error.strerror}",
            code="not_written",
            advice="see who may write to its directory",
        ) from error


def _message(hosts: int, file: pathlib.Path, needed: bool, check: bool) -> str:
    count = counted(hosts, "host")
    if not needed:
        return f"{file} describes the same {count} already"
    return f"{file} {'would describe' if check else 'describes'} {count} now"
