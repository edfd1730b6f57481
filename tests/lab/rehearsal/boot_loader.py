# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd-boot does with the files on a host's ESP: which entry it starts, and the system which that entry names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path

BOOT = "boot"
_LOADER_CONF = "loader/loader.conf"
_ENTRIES = "loader/entries"


def system_to_start(root: Path) -> Path | None:
    """Return the system that a start of the host leads to; None where the boot loader has none that it could start."""
    boot = root / BOOT
    entry = _chosen(_lines(boot / _LOADER_CONF), _entries(boot / _ENTRIES))
    if not all((boot / entry[part].lstrip("/")).is_file() for part in ("linux", "initrd") if part in entry):
        return None
    started = re.search(r"(?:^|\s)init=(\S+)", entry.get("options", ""))
    return Path(started[1]).parent if started else None


def _lines(file: Path) -> dict[str, str]:
    try:
        text = file.read_text()
    except OSError:
        return {}
    return dict((line.split(maxsplit=1) + [""])[:2] for line in text.splitlines() if line[:1] not in ("", "#"))


def _entries(directory: Path) -> dict[str, dict[str, str]]:
    """Return the entries in the order of the menu: of each name to sort by, the newest first."""
    found = {file.name.lower(): _lines(file) for file in directory.glob("*.conf")}

    def newest_last(name: str) -> tuple[list[int], str]:
        return [int(number) for number in re.findall("[0-9]+", found[name].get("version", ""))], name

    names = sorted(sorted(found, key=newest_last, reverse=True), key=lambda name: found[name].get("sort-key", ""))
    return {name: found[name] for name in names}


def _chosen(settings: Mapping[str, str], entries: Mapping[str, dict[str, str]]) -> dict[str, str]:
    """Return the entry that the settings name, by a pattern, or the first one."""
    patterns = [settings[key].lower() for key in ("preferred", "default") if key in settings]
    named = [entry for pattern in patterns for name, entry in entries.items() if fnmatchcase(name, pattern)]
    return next(iter([*named, *entries.values()]), {})
