# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How every Nix command line begins, and how settings reach Nix beside it.

Settings may be secrets (``access-tokens``), and everyone may read the command lines of a machine: they travel in the
variable ``NIX_CONFIG``, which Nix reads after its files.
"""

from __future__ import annotations

import os
import re
import shlex
import typing as t

from ..core.errors import NixError

if t.TYPE_CHECKING:
    from collections.abc import Mapping

# Named on each command line, since no machine can be expected to have them enabled.
FEATURES = ("--extra-experimental-features", "nix-command flakes")

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
# What ends a setting in nix.conf, which knows no quotes.
UNWRITABLE = {"\n": "a line break", "\r": "a line break", "\0": "a null character", "#": "a #"}
SETTINGS_FORM = "give names of nix.conf, such as max-jobs, each with a value of one line without comments, or a list"


def nix(*arguments: str, executable: str = "nix") -> list[str]:
    """Return the command line of ``nix`` with ``arguments``."""
    return [executable, *FEATURES, *arguments]


def setting_problem(options: Mapping[str, t.Any]) -> str | None:
    """Return what is wrong with settings of Nix, if anything is, without their values: some are secrets."""
    for name, value in options.items():
        if not NAME.fullmatch(str(name)):
            return f"not the name of a setting: {name!r}"
        elements = value if isinstance(value, (list, tuple)) else [value]
        if any(isinstance(element, (dict, list, tuple)) for element in elements):
            return f"the value of {name} is neither one value nor a list of such"
        if unwritable := next((what for mark, what in UNWRITABLE.items() if mark in setting(value)), None):
            return f"the value of {name} has {unwritable}, which nix.conf cannot hold"
    return None


def configuration(options: Mapping[str, t.Any]) -> str:
    """Return ``options`` as lines of ``nix.conf``.

    Raises ``NixError``, which names no value, where a line would say something else than what is meant.
    """
    if problem := setting_problem(options):
        raise NixError(f"nix_options: {problem}", code="bad_setting", advice=SETTINGS_FORM)
    return "\n".join(f"{name} = {setting(value)}" for name, value in options.items())


def with_settings(environment: Mapping[str, str], options: Mapping[str, t.Any]) -> dict[str, str]:
    """Return what is added to our environment, with ``options`` after the settings that Nix finds in it anyway."""
    if not options:
        return dict(environment)
    earlier = environment.get("NIX_CONFIG", os.environ.get("NIX_CONFIG", ""))
    return {**environment, "NIX_CONFIG": "\n".join(filter(None, [earlier, configuration(options)]))}


def exported(options: Mapping[str, t.Any]) -> str:
    """Return the lines of sh that do the same in a script, which is sent as standard input."""
    if not options:
        return ""
    return f'NIX_CONFIG="${{NIX_CONFIG:-}}\n"{shlex.quote(configuration(options))}\nexport NIX_CONFIG\n'


def setting(value: t.Any) -> str:
    """Return ``value`` as ``nix.conf`` writes it.

    >>> setting(True), setting(["a", "b"]), setting(4), setting(None)
    ('true', 'a b', '4', '')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return " ".join(setting(element) for element in value)
    return str(value)
