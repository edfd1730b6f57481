# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What there is to see of a machine that is to reboot, or has; once it has, the request's files go.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

look() { # $1: the boot id before the reboot
    say boot_id "$(process_boot)"
    say running "$(platform_running)"
    say booted "$(platform_booted)"
    unfinished=$(platform_coming_up)
    say unfinished "$unfinished"
    if [ "$(process_boot)" = "$1" ]; then
        [ ! -e "$run/failed" ] || cat "$run/failed"
    elif [ -z "$unfinished" ]; then
        platform_failed_units | sed 's/^/unit_failed=/'
        lock_release
        # Those of earlier ones too, whose controllers did not come back to see how they ended.
        for directory in "$state"/runs/reboot-*; do
            ! run_is_of_earlier_boot "$directory" || rm -rf "$directory"
        done
    fi
}
