# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Sphinx makes the site (`make docs`): the Markdown of the repository, and the reference by antsibull-docs.

The source is a mirror of the repository's pages (tests/run/documentation), so that a link between two of them is the
same on the site and on a forge.
"""

from __future__ import annotations

import pathlib
import re
import typing as t

import yaml
from docutils import nodes

if t.TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = pathlib.Path(__file__).parents[2]
version = release = str(yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["version"])

project = "nix.fleet"
author = project_copyright = "nix.fleet contributors"
extensions = ["myst_parser", "sphinx_antsibull_ext"]
myst_heading_anchors = 4
# The variables of ansible-core; ours are in the pages of the plugins.
exclude_patterns = ["docs/site", "reference/environment_variables.rst"]

html_theme = "furo"
html_title = f"nix.fleet {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False

# The tables of antsibull-docs follow the theme, which has a light and a dark side.
antsibull_ext_color_scheme = "none"
SURFACES = {
    "antsibull-table-background-header": "var(--color-background-secondary)",
    "antsibull-table-background-even": "var(--color-background-secondary)",
    "antsibull-table-background-odd": "var(--color-background-primary)",
    "antsibull-table-border": "var(--color-background-border)",
    "antsibull-narrowtable-background": "var(--color-background-secondary)",
    "antsibull-links-background": "var(--color-background-border)",
    "antsibull-links-background-active": "var(--color-background-hover)",
    "antsibull-links-text": "var(--color-foreground-primary)",
    "antsibull-option-sample-header": "var(--color-foreground-primary)",
}
WORDS = {"type": 0, "elements": 0, "required": 1, "version-added": 2, "aliases": 2, "default": 3, "sample": 3}
SUPPORT = {"none": 1, "partial": 4, "full": 2, "na": 5}


def colours(*palette: str) -> dict[str, str]:
    """Return the variables of the theme, with these colours for words in tables."""
    words = {f"antsibull-option-{word}": palette[index] for word, index in WORDS.items()}
    support = {f"antsibull-attribute-support-{word}": palette[index] for word, index in SUPPORT.items()}
    return SURFACES | words | support


html_theme_options = {
    "navigation_with_keys": True,
    "light_css_variables": colours("#7b1fa2", "#c62828", "#1b5e20", "#1a4fb4", "#7a6a00", "inherit"),
    "dark_css_variables": colours("#e0a3f0", "#ff8a80", "#81c784", "#9fb4ff", "#d6c648", "inherit"),
}
# `…` stands for what was left out, and no lexer knows it.
suppress_warnings = ["misc.highlighting_failure"]

# What antsibull-docs refers to, on Ansible's own site.
ANSIBLE = "https://docs.ansible.com/projects/ansible/latest"
PAGES = {
    "action_plugins": "plugins/action.html",
    "callback_plugins": "plugins/callback.html",
    "inventory_plugins": "plugins/inventory.html",
    "common_return_values": "reference_appendices/common_return_values.html",
}
BUILTIN = re.compile(r"ansible_collections\.ansible\.builtin\.(?P<plugin>\w+?)(__\w+-.*)?")


def ansible_page(_app: Sphinx, _env: object, node: nodes.Element, content: nodes.Element) -> nodes.Node | None:
    """Return a link to Ansible's documentation for a label of it."""
    label = str(node.get("reftarget", ""))
    plugin = BUILTIN.fullmatch(label)
    page = f"collections/ansible/builtin/{plugin['plugin']}.html" if plugin else PAGES.get(label)
    return nodes.reference("", "", content, refuri=f"{ANSIBLE}/{page}") if page else None


def setup(app: Sphinx) -> None:
    """Have Sphinx ask here when it does not know a label."""
    app.connect("missing-reference", ansible_page)
