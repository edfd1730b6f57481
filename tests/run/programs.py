# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write every program that runs on targets, joined as it is sent, into the directory that is named: for shellcheck to read."""

from __future__ import annotations

import pathlib
import sys
import typing as t

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / ".venv/collections"))

from ansible_collections.nix.fleet.plugins.plugin_utils.platforms.platform import platforms  # noqa: E402
from ansible_collections.nix.fleet.plugins.plugin_utils.target.programs import part, texts  # noqa: E402

# How gc/collection.py, reboot/reboot.py and files/engine.py begin.
GC = ("id=x who=x free_space='' wait=0 profile=''", "state_find", "run=$state/runs/$id")
REBOOT = (
    "id=x who=x when=always timeout=1 closure='' profile='' message='' delay=0 check=0",
    "state_find_run",
    'profile=$(platform_profile_named "$profile")',
)
FILES = ("check=0 diff=0 shown_bytes=1 timeout=1 within=1", "file_check_printf")
# How the scripts call these programs.
CALLS = {
    "reboot": (*REBOOT, "program=x", "reboot_main", "reboot_state x", "reboot_ask"),
    "question": ("request_read a=b", "question_ask root"),
    "deployment": ("request_read a=b", 'begin "$(cat)" request settings', 'supervisor_main "$@"'),
    "confirmation": ("request_read id=x", "confirm confirmed ''"),
    "store_socket": ('store_socket_open "$@"', 'store_socket_open_if_missing "$@"'),
    "private_daemon": ('private_daemon_run "$@"', 'keepalive_run "$@"'),
    "source_command": ('source_command_run "$@"', 'source_command_exec "$@"'),
    "peer": ('peer_serve "$@"', 'peer_receive "$@"'),
    "shell": ("shell_begin x", "shell_login", "shell_end x 0"),
    "stdin_program": (),
    "askpass": (),
    "info": ("profile=''", "info_machine", "info_deployments 1", "info_installed"),
    "gc": (
        *GC,
        "check=1",
        "gc_survey nixos",
        "program=''",
        "gc_remove_roots() { gc_remove_root x; }",
        "gc_remove_generations() { gc_delete_generations /x 1:x; }",
        "gc_collect",
    ),
    "lock_file": (
        *('lock_file_replace "$@"', 'lock_file_withdraw "$@"', 'lock_file_write "$@"', 'lock_file_commit_beside "$@"'),
    ),
    "health": (
        *("mark=x limit=1", "health_run health_command 1 true", "health_run health_failed_units 1"),
        "health_run health_unit_states 1 a",
    ),
    "files": (
        *FILES,
        "usual_directory=$(keys_directory) files_mask=$(keys_mask) memory_only=1 no_owner_advice=x",
        'keys_warn "$usual_directory"',
        'files_health() { limit_run "$timeout" true; }',
        "files_apply 0",
    ),
    "terminal": (
        "check=0 allow_disk=1",
        "terminal_make_directory",
        "terminal_prepare",
        "terminal_hand_over",
        "terminal_begin",
        "terminal_end x",
    ),
    "command": ('command_run input "$@"',),
    "store": (
        *("store_paths_missing_of_many a", 'store_existing "$@"', 'store_prepare_build "$@"'),
        *('store_has "$1"', "store_receive_flake source", 'store_signing_key "$1"', "store_units_before /a /b"),
    ),
    "builders": ("builders_setting", 'builders_files "$@"', 'builders_ask "$@"'),
}
# What else is called of the library, by parts of other stages.
ELSEWHERE = (
    "info_describe nixos '' present",
    "gc_survey_present nixos",
    'echo "$gc_surveyed"',
    'echo "$activate" "$backup_extension"',
)


def main(directory: pathlib.Path) -> None:
    """See the file's first line. ``all-PLATFORM`` has all parts, so that what nobody uses shows."""
    for platform in platforms().values():
        # What is the same for all platforms is read once.
        for name in CALLS if platform.name == "nixos" else ("deployment",):
            _write(directory / f"{name}-{platform.name}.sh", texts(name, platform), CALLS[name])
        parts = dict.fromkeys(text for name in ("info", *CALLS) for text in texts(name, platform))
        # What starts programs comes after what these read.
        ordered = sorted(parts, key=lambda text: text in (platform.functions, part("launch")))
        _write(
            directory / f"all-{platform.name}.sh",
            ordered,
            [*(call for calls in CALLS.values() for call in calls), *ELSEWHERE],
        )


def _write(file: pathlib.Path, parts: list[str], calls: t.Sequence[str]) -> None:
    file.write_text("\n".join(["# shellcheck shell=sh", *parts, *calls, ""]), encoding="utf-8")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
