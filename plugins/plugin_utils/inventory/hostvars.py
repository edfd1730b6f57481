# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of a host: the contract that ``docs/inventory.md`` states."""

from __future__ import annotations

import keyword
import typing as t

from ..platforms.registry import platforms
from .connection import connection_variables
from .fields import Check, shown

if t.TYPE_CHECKING:
    from .node import Node

# Names that Ansible sets for every host or task. A host variable of that name is lost, or breaks templates.
RESERVED = frozenset(
    """
    ansible_async_path ansible_check_mode ansible_collection_name ansible_config_file ansible_dependent_role_names
    ansible_diff_mode ansible_facts ansible_forks ansible_inventory_sources ansible_limit ansible_parent_role_names
    ansible_parent_role_paths ansible_play_batch ansible_play_hosts ansible_play_hosts_all ansible_play_name
    ansible_play_role_names ansible_playbook_python ansible_role_name ansible_role_names ansible_run_tags
    ansible_search_path ansible_skip_tags ansible_verbosity ansible_version
    group_names groups hostvars inventory_dir inventory_file inventory_hostname inventory_hostname_short
    lookup omit play_hosts playbook_dir q query role_name role_names role_path role_uuid vars
    """.split()
)


def host_variables(node: Node) -> dict[str, t.Any]:
    """Return the variables of ``node``; raises ``InventoryError`` for a field that cannot be one."""
    contract = {**connection_variables(node), **_facts(node), **node.variables}
    own = {name: value for name, value in node.fields.items() if is_variable_name(name)}
    check = Check(f"node {shown(node.name)}")
    for name in own:
        if name in RESERVED:
            raise check.failure(f"{name} is a variable that Ansible sets itself; give the field another name")
        if name in contract or name in _CONTRACT:
            raise check.failure(f"{name} is a variable that nix.fleet sets; give the field another name")
    return {**own, **contract}


def is_variable_name(name: str) -> bool:
    """Whether Ansible takes ``name`` for a variable; a field of another name is found in ``nix_node`` alone."""
    return name.isascii() and name.isidentifier() and not keyword.iskeyword(name)


def _facts(node: Node) -> dict[str, t.Any]:
    return {
        "nix_name": node.name,
        "nix_platform": node.platform,
        "nix_system": node.system,
        "nix_role": node.role,
        "nix_tags": list(node.tags),
        "nix_ips": list(node.ips),
        "nix_configuration": node.configuration,
        "nix_flake": node.flake,
        "nix_attr": node.attr,
        "nix_profile": node.profile,
        "nix_activate": node.activate,
        "nix_keys": [dict(key) for key in node.keys],
        "nix_impure": platforms()[node.platform].impure,
        "nix_node": dict(node.data),
    }


# Also the ones that this node happens not to have: a field must not turn into policy when the node's data change.
_CONTRACT = frozenset(("ansible_host", "ansible_port", "ansible_user", "ansible_become", "ansible_become_user"))
