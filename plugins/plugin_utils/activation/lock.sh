# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# One deployment at a time: a symbolic link to the holder's record, since making one is atomic and carries the record.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

holder_alive() { # whether the process that wrote holder record $1 still runs
    holder_pid='' holder_boot='' holder_start=''
    while IFS= read -r line; do
        case $line in
            pid=*) holder_pid=${line#*=} ;;
            boot=*) holder_boot=${line#*=} ;;
            start=*) holder_start=${line#*=} ;;
        esac
    done 2>/dev/null <"$1"
    find_boot
    [ -n "$holder_pid" ] && [ "$holder_boot" = "$this_boot" ] && [ -n "$holder_start" ] || return
    find_start "$holder_pid"
    [ "$holder_start" = "$since" ]
}

holder_text() { # who holder record $1 speaks of, for a person
    printf '%s since %s (deployment %s, process %s)\n' \
        "$(field who "$1")" "$(field started "$1")" "$(field id "$1")" "$(field pid "$1")"
}

wait_for_it='wait for it to end, then run again'

somebody_else() { # why there is no beginning while the lock is another's
    printf 'another deployment is running: %s\n' "$(holder_text "$state/lock")"
}

interrupted() { # the directories of deployments that began to change the machine and never came to an end
    for directory in "$state"/runs/*; do
        ! is_interrupted "$directory" || printf '%s\n' "$directory"
    done
}

nothing_interrupted() {
    for directory in "$state"/runs/*; do
        ! is_interrupted "$directory" || return
    done
}

is_interrupted() { # whether the deployment of directory $1 is one of them
    [ -e "$1/recorded" ] && [ ! -e "$1/outcome" ]
}

abandoned() { # whether the deployment of directory $1 got as far as no record of the machine, and nobody goes on with it
    [ ! -e "$1/recorded" ] || return
    if [ -e "$1/holder" ]; then
        ! holder_alive "$1/holder"
    else
        # In this boot, its supervisor may be about to start.
        made_before_this_boot "$1"
    fi
}

made_before_this_boot() { # whether directory $1 was claimed in an earlier boot
    find_boot
    [ -L "$1/boot" ] && [ "$(readlink "$1/boot")" != "boot $this_boot" ]
}

holder_record() { # of this process, at the moment $started
    find_start $$
    find_boot
    say id "$id"
    say who "$who"
    say run "${of_run:-}"
    say profile "${profile:-}"
    say pid $$
    say start "$since"
    say boot "$this_boot"
    say started "$started"
}

waited_for() { # whether the lock's holder is at another profile of this machine, in the same run of the same controller
    [ -n "${of_run:-}" ] && [ "$(field run "$state/lock")" = "$of_run" ] && [ "$(field profile "$state/lock")" != "$profile" ]
}

write_holder() {
    started=${started:-$(timestamp)}
    holder_record >"$run/holder.new" && mv -f "$run/holder.new" "$run/holder"
}

take_lock() { # fails when another deployment is alive
    refused=0
    until ln -s "$run/holder" "$state/lock" 2>/dev/null; do
        if holder_alive "$state/lock"; then
            return 1
        elif [ -L "$state/lock" ]; then
            alone "$state/takeover" remove_dead_lock || return 2
        else
            # It may have been given up in this moment; if there is none and none can be made, that is another matter.
            refused=$((refused + 1))
            [ "$refused" -lt 3 ] || return 2
        fi
    done
}

remove_dead_lock() {
    holder_of_lock=$(readlink "$state/lock")
    # What is still the lock of somebody found dead stays that: it may have been given up and taken anew in between.
    [ -z "$holder_of_lock" ] || holder_alive "$holder_of_lock" ||
        [ "$(readlink "$state/lock")" != "$holder_of_lock" ] || rm -f "$state/lock"
}

release_lock() {
    [ "$(readlink "$state/lock" 2>/dev/null)" != "$run/holder" ] || rm -f "$state/lock"
}
