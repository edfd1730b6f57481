# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells Ansible of the fleet that is written down for Nix."""

from __future__ import annotations

DOCUMENTATION = r"""
name: nix_inventory
short_description: Hosts and groups from a Nix inventory
version_added: 0.1.0
author:
  - nix.fleet contributors (!UNKNOWN)
description:
  - Reads a fleet from where it is written down for Nix, and makes a host of each node, with a group for each tag, role,
    platform and system.
  - Understands the inventory of nix.fleet's own (Nix, JSON or YAML), the fleets of colmena and deploy-rs, and the standard
    outputs C(nixosConfigurations), C(darwinConfigurations), C(nixOnDroidConfigurations) and C(homeConfigurations).
  - A load takes one evaluation whatever the size of the fleet, and none when nothing changed and Ansible's inventory cache
    is on.
  - The whole fleet is checked before Ansible is told of any of it. What is wrong is one message that names the file and
    the node.
requirements:
  - Nix 2.24 or newer on the controller, but for inventories in JSON or YAML
notes:
  - The file that holds these options must be named C(*.nix.yml) or C(*.nix.yaml).
  - Ansible goes on without an inventory that does not load, unless C(any_unparsed_is_failed) is set in the section
    C([inventory]) of C(ansible.cfg). Set it. Then the run ends with this plugin's message alone, whatever other plugins are
    enabled.
  - The variables of a host are a stable contract; the guide on inventories states it.
extends_documentation_fragment:
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
options:
  plugin:
    description: Marks the file as one for this plugin.
    type: str
    required: true
    choices: [nix.fleet.nix_inventory]
  source:
    description:
      - How the fleet is written down.
      - V(nodes) is the inventory of nix.fleet's own, V(colmena) a hive, V(deploy-rs) the output C(deploy), and
        V(configurations) takes each configuration of a flake for a node with nothing known of it but its name.
      - V(auto) reads what O(nodes) names; without it, the first that there is of a file C(nodes.nix), C(nodes.json),
        C(nodes.yml) or C(nodes.yaml) beside the inventory file, and the flake's outputs C(fleet.nodes), C(colmenaHive),
        C(deploy.nodes) and the standard ones.
      - A raw hive, which is the output C(colmena) or a C(hive.nix), is refused, since only colmena can evaluate it.
    type: str
    choices: [auto, nodes, colmena, deploy-rs, configurations]
    default: auto
  flake:
    description:
      - The flake that the fleet's configurations are built of, and whose outputs are read when O(nodes) names no file.
      - A path, which begins at the directory of the inventory file, or any flake reference.
      - By default the nearest directory that holds a C(flake.nix), from that of the inventory file upwards.
    type: str
  nodes:
    description:
      - Where the nodes are. A C(.nix), C(.json), C(.yml) or C(.yaml) file, its path beginning at the directory of the
        inventory file, or an output as C(FLAKE#ATTRIBUTE), or as C(#ATTRIBUTE) for one of O(flake).
      - For O(source=colmena) the output that holds the evaluated hive; for O(source=deploy-rs) the output that
        holds what is otherwise in C(deploy).
    type: str
  override_inputs:
    description:
      - Inputs of the flake to replace while it is read, by name, each with a flake reference.
      - Paths begin at the directory of the inventory file. The lock file is not written.
    type: dict
    default: {}
  impure:
    description:
      - Let the evaluation of a flake read environment variables, the current system and paths outside of it.
      - C(.nix) files are always read so. What an evaluation read in this way is not noticed to have changed when it is
        cached.
    type: bool
    default: false
  nix_executable:
    description: The program C(nix), by name or by path.
    type: str
    default: nix
  nix_options:
    description:
      - Settings of C(nix.conf) for the evaluation. They reach Nix in E(NIX_CONFIG), after those that are there, and
        appear on no command line.
      - A list becomes its elements separated by spaces, as C(nix.conf) writes it.
    type: dict
    default: {}
  group:
    description:
      - A group of all hosts of the fleet, which the collection's playbooks take for it where other inventories have hosts
        too. With another name than the default, name it to them as C(fleet_hosts) (C(-e)).
      - Empty for none.
    type: str
    default: nix
    version_added: 0.2.0
  timeout:
    description: After how many seconds the evaluation is ended.
    type: float
    default: 300
seealso:
  - plugin: ansible.builtin.constructed
    plugin_type: inventory
    description: What O(compose), O(groups) and O(keyed_groups) can do.
"""

EXAMPLES = r"""
# fmt: yaml+jinja
---
# fleet.nix.yml: nodes.nix beside this file, the flake in this directory or above.
plugin: nix.fleet.nix_inventory

---
# The nodes are an output of the flake, which is elsewhere.
plugin: nix.fleet.nix_inventory
flake: git+ssh://git@git.example/fleet
nodes: "#fleet.nodes"

---
# A colmena hive as it stands.
plugin: nix.fleet.nix_inventory
source: colmena
flake: ..

---
# A deploy-rs flake as it stands, evaluated only when something in it changed.
plugin: nix.fleet.nix_inventory
source: deploy-rs
flake: ..
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/ansible-inventory

---
# Every configuration of a flake, by its name, which must be one that ssh knows.
plugin: nix.fleet.nix_inventory
source: configurations
flake: ..

---
# JSON and YAML need no Nix on the controller. Groups by a field of one's own, and by a condition.
plugin: nix.fleet.nix_inventory
nodes: nodes.json
strict: true
keyed_groups:
  - key: region
    prefix: region
groups:
  dual_homed: nix_ips | length > 1
compose:
  page_title: nix_node.page.title | default(nix_name)
"""

import pathlib
import typing as t

from ansible import constants, context
from ansible.errors import AnsibleError, AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable

from ..plugin_utils.ansible.variables import plain
from ..plugin_utils.core.errors import InventoryError
from ..plugin_utils.inventory import loading
from ..plugin_utils.inventory.cache import Cache
from ..plugin_utils.inventory.evaluation import Settings
from ..plugin_utils.inventory.fleet import with_group
from ..plugin_utils.inventory.place import absolute_override
from ..plugin_utils.nix.source import of_another_version

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ansible.parsing.dataloader import DataLoader

    from ..plugin_utils.inventory.fleet import Fleet

# Until ansible-core 2.18 every string is a template unless it is marked otherwise; since 2.19 none is unless it is marked.
_never_a_template: Callable[[str], t.Any]
_plain_text: Callable[[str], t.Any]
try:
    from ansible.template import trust_as_template
except ImportError:
    from ansible.utils.unsafe_proxy import wrap_var

    _never_a_template, _plain_text = wrap_var, str
else:
    _never_a_template, _plain_text = str, trust_as_template

FILE_ENDINGS = (".nix.yml", ".nix.yaml")
# Ansible's exit code for an inventory that does not load.
UNPARSED = 1
# The last one begins a text that says by which other marks its templates are to be known.
TEMPLATE_MARKS = ("{{", "{%", "{#", "#jinja2:")


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """Reads the options, has the fleet loaded, and adds it to Ansible's inventory."""

    NAME = "nix.fleet.nix_inventory"

    def verify_file(self, path: str) -> bool:
        """Whether the file at ``path`` holds options for this plugin, as far as its name tells."""
        return bool(super().verify_file(path)) and path.endswith(FILE_ENDINGS)

    def parse(self, inventory: InventoryData, loader: DataLoader, path: str, cache: bool = True) -> None:
        """Add the fleet that the options in the file at ``path`` name to ``inventory``."""
        super().parse(inventory, loader, path, cache)
        try:
            self._load(loader, path, cache)
        except AnsibleError as error:
            if constants.INVENTORY_ANY_UNPARSED_IS_FAILED:
                # Ansible would end too, but not before it has had every other plugin try the file, and told what each says of it.
                self.display.error(f"{path}: {error}", wrap_text=False)
                raise SystemExit(UNPARSED) from None
            raise

    def _load(self, loader: DataLoader, path: str, cache: bool) -> None:
        self._check_options(self._read_config_data(path))
        try:
            reading = self._read(pathlib.Path(path), cache)
            fleet = with_group(reading.fleet(), self._plain("group"))
        except InventoryError as error:
            self.display.vvv(str(error.details.get("trace", "")))
            raise AnsibleParserError(str(error)) from None
        for note in filter(None, (*fleet.notes, of_another_version(reading.evaluated.library))):
            self.display.warning(f"{path}: {note}")
        self.add(fleet)
        self._tell_of_variables_of_none(pathlib.Path(path).absolute(), loader)

    def _tell_of_variables_of_none(self, file: pathlib.Path, loader: DataLoader) -> None:
        # Ansible overlooks them: a role that was renamed would have lost its variables in silence.
        beside, project = file.parent, pathlib.Path(loader.get_basedir()).absolute()
        groups = [name for name, group in self._inventory.groups.items() if group.get_hosts()]
        for kind, directories, names, what in (
            ("group_vars", dict.fromkeys((beside, project)), groups, "no host in the group"),
            # Those of a whole project may be of the hosts of its other inventories.
            ("host_vars", (beside,), self._inventory.hosts, "no host"),
        ):
            for found, nearest in loading.variables_of_none(directories, kind, names, alone=_is_alone(file)):
                meant = f" (but {nearest})" if nearest else ""
                self.display.warning(
                    f"{found}: the inventory has {what} {found.stem}{meant}, so that these variables are"
                    " nobody's; rename the file, or delete it"
                )

    def _check_options(self, config: Mapping[str, t.Any]) -> None:
        # Ansible takes no notice of a misspelt option, and another fleet than the one that was meant could be read.
        unknown = sorted(str(option) for option in config if option not in self._options)
        if unknown:
            raise AnsibleParserError(
                f"inventory: {unknown[0]} is not an option of {self.NAME}; see `ansible-doc -t inventory {self.NAME}`"
            )

    def read(self, loader: DataLoader, path: str) -> loading.Reading:
        """Return what the options in the file at ``path`` name, without telling Ansible of it; raises ``InventoryError``."""
        super().parse(InventoryData(), loader, path, cache=False)
        self._check_options(self._read_config_data(path))
        return self._read(pathlib.Path(path), cache=False)

    def _read(self, file: pathlib.Path, cache: bool) -> loading.Reading:
        directory = file.parent.absolute()
        plan = loading.plan(self._plain("source"), self._plain("nodes"), self._plain("flake"), directory)
        overrides = self._plain("override_inputs") or {}
        settings = Settings(
            executable=self._plain("nix_executable"),
            override_inputs={name: absolute_override(name, given, directory) for name, given in overrides.items()},
            impure=self.get_option("impure"),
            nix_options=self._plain("nix_options") or {},
            timeout=self.get_option("timeout"),
        )
        kept = None
        if self.get_option("cache"):
            kept = Cache(self._cache, self.get_cache_key(str(file)), readable=cache)
        return loading.Reading(plan, settings, loading.fetch(plan, settings, kept))

    def _plain(self, option: str) -> t.Any:
        return plain(self.get_option(option))

    def add(self, fleet: Fleet) -> None:
        """Have the hosts, groups and variables of ``fleet`` in the inventory, and what the options make of them."""
        inventory = self._inventory
        earlier_hosts, earlier_groups = set(inventory.hosts), set(inventory.groups)
        _check_names(fleet, earlier_hosts, earlier_groups)
        for name, variables in fleet.hosts.items():
            inventory.add_host(name)
            for variable, value in variables.items():
                inventory.set_variable(name, variable, as_data(value))
        for group, names in fleet.groups.items():
            inventory.add_group(group)
            for name in names:
                inventory.add_child(group, name)
        try:
            self._construct(fleet)
        except AnsibleError:
            # Nothing half loaded: what Ansible goes on with, if it does, must not have been let in by a wrong expression.
            for name in set(inventory.hosts) - earlier_hosts:
                inventory.remove_host(inventory.hosts[name])
            # Not by remove_group, which in ansible-core 2.16 knows groups by name in one line and by themselves in another.
            for name in set(inventory.groups) - earlier_groups:
                forgotten = inventory.groups.pop(name)
                for host in inventory.hosts.values():
                    host.remove_group(forgotten)
            raise

    def _construct(self, fleet: Fleet) -> None:
        """Do what the user's own expressions say. They cost a millisecond each and host, so without any nothing is done."""
        compose, groups, keyed = (self.get_option(name) for name in ("compose", "groups", "keyed_groups"))
        if not (compose or groups or keyed):
            return
        strict = self.get_option("strict")
        for name in fleet.hosts:
            self._set_composite_vars(compose, self._variables(name), name, strict=strict)
            variables = self._variables(name)
            self._add_host_to_composed_groups(groups, variables, name, strict=strict, fetch_hostvars=False)
            self._add_host_to_keyed_groups(keyed, variables, name, strict=strict, fetch_hostvars=False)

    def _variables(self, name: str) -> dict[str, t.Any]:
        variables: dict[str, t.Any] = self._inventory.hosts[name].get_vars()
        return variables

    @property
    def _inventory(self) -> InventoryData:
        # Set by the base class when parsing begins.
        return t.cast("InventoryData", self.inventory)


def _is_alone(file: pathlib.Path) -> bool:
    """Whether no other source of hosts is read in this run, and none lies beside it for other runs."""
    sources = [pathlib.Path(given).absolute() for given in context.CLIARGS.get("inventory") or ()]
    files = [each for source in sources for each in (source.iterdir() if source.is_dir() else (source,))]
    files += [each for each in file.parent.iterdir() if each.name.endswith((*FILE_ENDINGS, ".ini"))]
    ours = {file, *(file.parent / name for name in loading.files_of(loading.AUTO))}
    return all(each in ours or each.suffix == ".nix" or each.is_dir() for each in files)


def _check_names(fleet: Fleet, hosts: set[str], groups: set[str]) -> None:
    """Refuse names that another inventory uses for the other kind of thing: Ansible would mix the two up."""
    for name in fleet.hosts:
        if name in groups:
            raise AnsibleParserError(f"inventory: node {name}: another inventory has a group of this name; rename one")
    for name in fleet.groups:
        if name in hosts:
            raise AnsibleParserError(f"inventory: group {name}: another inventory has a host of this name; rename one")


def as_data(value: t.Any) -> t.Any:
    """Return ``value`` so that Ansible never takes text in it for a template."""
    if isinstance(value, str):
        # What has none of the marks is what it is either way. Said to be, it needs no marking in `ansible-inventory`.
        return _never_a_template(value) if any(mark in value for mark in TEMPLATE_MARKS) else _plain_text(value)
    if isinstance(value, list):
        return [as_data(item) for item in value]
    if isinstance(value, dict):
        return {name: as_data(item) for name, item in value.items()}
    return value
