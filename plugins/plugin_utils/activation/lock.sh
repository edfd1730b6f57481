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

holder_record() { # of this process
    say id "$id"
    say who "$who"
    say pid $$
    say start "$(process_start $$)"
    say boot "$(boot_id)"
    say started "$(timestamp)"
}

write_holder() {
    holder_record >"$run/holder.new" && mv -f "$run/holder.new" "$run/holder"
}

take_lock() { # fails when another deployment is alive
    refused=0
    until ln -s "$run/holder" "$state/lock" 2>/dev/null; do
        if holder_alive "$state/lock"; then
            return 1
        elif [ -L "$state/lock" ]; then
            alone remove_dead_lock || return 2
        else
            # It may have been given up in this moment; if there is none and none can be made, that is another matter.
            refused=$((refused + 1))
            [ "$refused" -lt 3 ] || return 2
        fi
    done
}

remove_dead_lock() {
    [ ! -L "$state/lock" ] || holder_alive "$state/lock" || rm -f "$state/lock"
}

# Run function $1 while nobody else does: one at a time judges a dead holder, lest the second removes or takes over what
# the first has just taken. Fails when the function does, or when its turn never comes.
alone() {
    turns=0
    until mkdir "$state/takeover" 2>/dev/null; do
        turns=$((turns + 1))
        [ "$turns" -le 30 ] || return 1
        # Who has made the directory says so at once, or is dead.
        [ "$turns" -le 10 ] || holder_alive "$state/takeover/owner" || rm -rf "$state/takeover"
        sleep 1
    done
    holder_record 2>/dev/null >"$state/takeover/owner"
    "$1"
    set -- $?
    rm -rf "$state/takeover"
    return "$1"
}

release_lock() {
    [ "$(readlink "$state/lock" 2>/dev/null)" != "$run/holder" ] || rm -f "$state/lock"
}
