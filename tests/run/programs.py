# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write every program that runs on targets, joined as it is sent, into the directory that is named: for shellcheck to read."""

from __future__ import annotations

import pathlib
import sys
import typing as t

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / ".venv/collections"))

from ansible_collections.nix.fleet.plugins.plugin_utils.platforms.registry import platforms  # noqa: E402
from ansible_collections.nix.fleet.plugins.plugin_utils.target.programs import texts  # noqa: E402

# How files/engine.py begins.
FILES = ("check=0 diff=0 shown_bytes=1 timeout=1 within=1", "file_check_printf")
# How the scripts call these programs.
CALLS = {
    "question": ("request_read a=b", "question_ask root"),
    "rollback": (
        "request_read a=b",
        'rollback_find_closure && echo "$closure" "$(platform_running)" "$missing$remedy"',
    ),
    "deployment": ("request_read a=b", 'begin "$(cat)" request settings', 'supervisor_main "$@"'),
    "confirmation": ("request_read id=x", "confirm confirmed ''"),
    "info": ("profile=''", "info_machine", "info_deployments 1"),
    "health": (
        *("mark=x limit=1", "health_run health_command 1 true", "health_run health_failed_units 1"),
        *("health_run health_unit_states 1 a", "health_run http_get 1 http://a/ yes yes no x"),
    ),
    "files": (*FILES, "files_mask=022 memory_only=0", 'files_health() { limit_run "$timeout" true; }', "files_apply 0"),
    "keys": (
        *FILES,
        "usual_directory=$(keys_directory) files_mask=$(keys_mask) memory_only=1 no_owner_advice=x",
        'keys_warn "$usual_directory"',
        "files_apply 0",
        'keys_remove_others "$usual_directory" x',
    ),
}
# What else is called of the library, by parts of other stages.
ELSEWHERE = (
    *("platform_present", "info_profile nixos", "runs_interrupted", "runs_none_interrupted", "platform_reboot_machine"),
    *(
        'echo "$activate" "$backup_extension"',
        "platform_coming_up",
        'echo "$platform_boot_entries"',
        "run_is_of_earlier_boot x",
        "record_field a b",
    ),
)


def main(directory: pathlib.Path) -> None:
    """See the file's first line. ``all-PLATFORM`` has all parts, so that what nobody uses shows."""
    for platform in platforms().values():
        # What is the same for all platforms is read once.
        for name in CALLS if platform.name == "nixos" else ("deployment",):
            _write(directory / f"{name}-{platform.name}.sh", texts(name, platform), CALLS[name])
        parts = dict.fromkeys(part for name in ("info", *CALLS) for part in texts(name, platform))
        ordered = sorted(parts, key=lambda text: text == platform.functions)
        _write(
            directory / f"all-{platform.name}.sh",
            ordered,
            [*(call for calls in CALLS.values() for call in calls), *ELSEWHERE],
        )


def _write(file: pathlib.Path, parts: list[str], calls: t.Sequence[str]) -> None:
    file.write_text("\n".join(["# shellcheck shell=sh", *parts, *calls, ""]), encoding="utf-8")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
