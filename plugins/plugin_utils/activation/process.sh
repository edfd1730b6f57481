# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Processes by a name that is theirs for good, and what one of them has to itself: a symbolic link to its name, since making
# one is atomic and carries the name.
# shellcheck disable=SC2034  # one program in several files, which share variables

this_boot=''

find_boot() { # set `this_boot` to the name of the boot that the machine is in
    if [ -n "$this_boot" ]; then
        : # No script outlives the boot that it runs in.
    elif [ -r /proc/sys/kernel/random/boot_id ]; then
        read -r this_boot </proc/sys/kernel/random/boot_id
    else
        this_boot=$(sysctl -n kern.bootsessionuuid 2>/dev/null) || :
    fi
}

boot_id() { # the same, for who wants to have it printed
    find_boot
    printf '%s\n' "$this_boot"
}

# Set `since` to when process $1 started, in whatever form: with its id, it names a process for good. Nothing when it has ended.
find_start() {
    since=''
    if [ -r "/proc/$1/stat" ]; then
        # It may end in this moment.
        { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 0
        # The second field, the program's name, may itself contain spaces and parentheses.
        # shellcheck disable=SC2086  # fields are what is wanted
        set -- ${line##*) }
        # What only waits for its parent to notice is dead, and some parents never do.
        [ "$1" = Z ] || since=${20}
    elif [ ! -d /proc/self ]; then
        since=$(ps -o lstart= -p "$1" 2>/dev/null)
    fi
}

find_name() { # set `name_of_process` to one that no other process than $1 ever has
    find_start "$1"
    find_boot
    name_of_process="$1 $since $this_boot"
}

is_alive() { # whether the process that has name $1 still runs
    find_name "${1%% *}"
    [ "$1" = "$name_of_process" ]
}

# Make $1 a link to this process, and wait at most $2 seconds for a living one that has it. Where a dead one has it, that is
# found out and mended one at a time, lest the second removes what the first has just taken. Fails when our turn never comes.
take() {
    turns=0
    find_name $$
    own_name=$name_of_process
    until ln -s "$own_name" "$1" 2>/dev/null; do
        [ "$turns" -lt "$2" ] || ! is_alive "$(readlink "$1")" || return 1
        turns=$((turns + 1))
        [ "$turns" -le 30 ] || return 1
        # Whoever has been at this for so long is dead too.
        [ "$turns" -ne 20 ] || rmdir "$1.dead" 2>/dev/null
        remove_dead "$1"
        sleep 1
    done
}

remove_dead() { # link $1, if it is a dead process's: by one at a time, lest the second removes what has been made since
    mkdir "$1.dead" 2>/dev/null || return
    owner=$(readlink "$1")
    [ -z "$owner" ] || is_alive "$owner" || [ "$(readlink "$1")" != "$owner" ] || rm -f "$1"
    rmdir "$1.dead"
}

# Run function $2 while nobody else runs one who has taken link $1. Fails when the function does, or when its turn never comes.
alone() {
    take "$1" 30 || return 1
    "$2"
    set -- "$1" $?
    rm -f "$1"
    return "$2"
}
