# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# One deployment at a time: a symbolic link to the holder's record, since making one is atomic and carries the record.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

holder_alive() ( # whether the process that wrote holder record $1 still runs
    pid=$(field pid "$1")
    [ -n "$pid" ] && [ "$(field boot "$1")" = "$(boot_id)" ] || exit 1
    start=$(process_start "$pid")
    [ -n "$start" ] && [ "$start" = "$(field start "$1")" ]
)

holder_text() { # who holder record $1 speaks of, for a person
    printf '%s since %s (deployment %s, process %s)\n' \
        "$(field who "$1")" "$(field started "$1")" "$(field id "$1")" "$(field pid "$1")"
}

interrupted() { # the directories of deployments that began to change the machine and never came to an end
    for directory in "$state"/runs/*; do
        [ ! -e "$directory/recorded" ] || [ -e "$directory/outcome" ] || printf '%s\n' "$directory"
    done
}

write_holder() {
    {
        say id "$id"
        say who "$who"
        say pid $$
        say start "$(process_start $$)"
        say boot "$(boot_id)"
        say started "$(timestamp)"
    } >"$run/holder.new" && mv -f "$run/holder.new" "$run/holder"
}

take_lock() { # fails when another deployment is alive
    attempts=0
    until ln -s "$run/holder" "$state/lock" 2>/dev/null; do
        [ -L "$state/lock" ] || return 2
        if holder_alive "$state/lock"; then
            return 1
        fi
        # One at a time judges a dead holder, lest the second removes the lock that the first has just taken.
        if mkdir "$state/takeover" 2>/dev/null; then
            holder_alive "$state/lock" || rm -f "$state/lock"
            rmdir "$state/takeover"
        elif [ "$attempts" -ge 10 ]; then
            rmdir "$state/takeover" 2>/dev/null
        else
            attempts=$((attempts + 1))
            sleep 1
        fi
    done
}

release_lock() {
    [ "$(readlink "$state/lock" 2>/dev/null)" != "$run/holder" ] || rm -f "$state/lock"
}
