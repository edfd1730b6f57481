# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A flake's standard outputs as they stand: each configuration is a node, known by its name and nothing else.

Only names are evaluated. To ask a configuration for its system or host name would evaluate all of its modules.
"""

from __future__ import annotations

import typing as t

from .source import CONFIGURATIONS, Check, Node, Origin, Source, built_attribute, shown


def nodes_of(data: t.Any, origin: Origin) -> tuple[Node, ...]:
    """Return a node for each configuration that a machine can be known from."""
    return tuple(
        node
        for output, platform in CONFIGURATIONS.items()
        for name in data.get(output, ())
        if (node := _node(platform, output, name, origin)) is not None
    )


def _node(platform: str, output: str, name: str, origin: Origin) -> Node | None:
    user, at, host = name.rpartition("@")
    if platform != "home-manager":
        user, host = "", name
    elif not (user and at and host):
        # A home that is meant for any machine of its user names none.
        return None
    return Node(
        name=name,
        platform=platform,
        address=host,
        user=user or None,
        configuration=name,
        flake=origin.flake,
        attr=built_attribute(platform, name, Check(f"{output}.{shown(name)}")),
        data={"name": name, "platform": platform, "configuration": name, "output": output},
    )


SOURCE = Source(
    name="configurations",
    looks_for=f"output {', '.join(CONFIGURATIONS)}",
    expression=f"""
      {{ outputs, value }}:
        let outputsOf = name: attrNames (outputs.${{name}} or {{ }}); in
        if {" || ".join(f"outputs ? {output}" for output in CONFIGURATIONS)}
        then {{ {" ".join(f'{output} = outputsOf "{output}";' for output in CONFIGURATIONS)} }}
        else null
    """,
    nodes=nodes_of,
    whole_flake=True,
)
