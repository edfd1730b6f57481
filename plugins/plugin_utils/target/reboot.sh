# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Whether the machine reboots, and what its state is. Who asked and who was started to do it may each give up waiting for the other,
# and then only one of them is right: a symbolic link, since of several that are made at once just one comes to be.

reboot_decide() { # that the machine reboots (`asked`), or why it does not; fails when it has been decided already
    # On a full disk, by the room that is kept for this.
    ln -s "$1" "$run/decision" 2>/dev/null ||
        { [ ! -L "$run/decision" ] && run_free_reserve && ln -s "$1" "$run/decision" 2>/dev/null; }
}

reboot_decision() {
    readlink "$run/decision" 2>/dev/null
}

# What there is to see of a machine that is to reboot, or has; once it has, the request's files go.
reboot_state() { # $1: the boot id before the reboot
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
