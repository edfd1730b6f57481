# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Processes by a name that is theirs for good, what one of them has to itself, and how a group of them is ended.

this_boot='' since='' process_name='' own_process=''

process_find_boot() { # set `this_boot` to the name of the boot that the machine is in
    if [ -n "$this_boot" ]; then
        : # No script outlives the boot that it runs in.
    elif [ -r /proc/sys/kernel/random/boot_id ]; then
        read -r this_boot </proc/sys/kernel/random/boot_id
    else
        this_boot=$(sysctl -n kern.bootsessionuuid 2>/dev/null) || :
    fi
}

process_boot() { # print it
    process_find_boot
    printf '%s\n' "$this_boot"
}

# Set `since` to when process $1 started, in whatever form: with its id, it names a process for good. Nothing when it has ended.
process_find_start() {
    since=''
    if [ -r "/proc/$1/stat" ]; then
        # It may end in this moment.
        { read -r process_line <"/proc/$1/stat"; } 2>/dev/null || return 0
        # The second field, the program's name, may itself contain spaces and parentheses.
        # shellcheck disable=SC2086  # fields are what is wanted
        set -- ${process_line##*) }
        # What only waits for its parent to notice is dead, and some parents never do.
        process_state=$1
        [ "$1" = Z ] || since=${20}
    elif [ ! -d /proc/self ]; then
        since=$(LC_ALL=C TZ=UTC0 ps -o lstart= -p "$1" 2>/dev/null)
    fi
}

process_is() { # whether process $1 still is the one that started at $2 in boot $3
    process_find_boot
    [ -n "$1" ] && [ -n "$2" ] && [ "$3" = "$this_boot" ] || return
    process_find_start "$1"
    [ "$2" = "$since" ]
}

process_find_own() { # set `own_process` to the process that this is: in a subshell, `$$` is the one around it
    if [ -r /proc/self/stat ]; then
        read -r own_process _ </proc/self/stat
    else
        # shellcheck disable=SC2016  # expanded by that shell
        own_process=$(exec sh -c 'echo "$PPID"')
    fi
}

process_find_name() { # set `process_name` to one that no other process than $1 ever has
    process_find_start "$1"
    process_find_boot
    process_name="$1 $since $this_boot"
}

process_is_stopped() { # whether process $1, which is there, has been stopped
    process_state=''
    process_find_start "$1"
    case ${process_state:-$(ps -o stat= -p "$1" 2>/dev/null)} in
        T*) ;;
        *) return 1 ;;
    esac
}

process_has_name() { # whether the process that has name $1 still runs
    process_find_name "${1%% *}"
    [ "$1" = "$process_name" ]
}

# Make $1 a link to this process's name, and wait at most $2 seconds for a living one that has it: making a link is atomic, and
# carries the name. Where a dead one has it, that is found out and mended one at a time, lest the second removes what the first
# has just taken. Fails when our turn never comes.
process_take() {
    process_turns=0
    process_find_own
    process_find_name "$own_process"
    process_own_name=$process_name
    until ln -s "$process_own_name" "$1" 2>/dev/null; do
        [ "$process_turns" -lt "$2" ] || ! process_has_name "$(readlink "$1")" || return 1
        process_turns=$((process_turns + 1))
        [ "$process_turns" -le 30 ] || return 1
        # Whoever has been at this for so long is dead too.
        [ "$process_turns" -ne 20 ] || rmdir "$1.dead" 2>/dev/null
        process_remove_dead "$1"
        sleep 1
    done
}

process_remove_dead() { # link $1, if it is a dead process's: by one at a time, lest the second removes what has been made since
    mkdir "$1.dead" 2>/dev/null || return
    process_owner=$(readlink "$1")
    [ -z "$process_owner" ] || process_has_name "$process_owner" || [ "$(readlink "$1")" != "$process_owner" ] || rm -f "$1"
    rmdir "$1.dead"
}

# Run function $2 while nobody else runs one who has taken link $1. Fails when the function does, or when its turn never comes.
process_alone() {
    process_take "$1" 30 || return 1
    "$2"
    set -- "$1" $?
    rm -f "$1"
    return "$2"
}

# Parents before their children: one that outlived its child would go on to what comes next. Where nothing tells who descends from
# whom, the process itself.
process_descendants() { # print process $1 and all that descend from it, for where no group holds them together
    process_members=$(ps -A -o pid= -o ppid= | awk -v root="$1" '
        { parent[$1] = $2 }
        END {
            for (process in parent) {
                depth = 0
                for (ancestor = process; ancestor != root && ancestor in parent && depth < 1000; ancestor = parent[ancestor]) depth++
                if (ancestor == root) print depth, process
            }
        }' | sort -n | cut -d " " -f 2)
    printf '%s\n' "${process_members:-$1}"
}

process_exec_session() { # run $@ in place of this process, as the leader of a group where the system can make one
    if command -v setsid >/dev/null; then
        exec setsid "$@"
    elif command -v perl >/dev/null; then
        # macOS has perl. Of a locale that the machine lacks, it would speak among the words of the step.
        # shellcheck disable=SC2016  # for perl
        exec env PERL_BADLANG=0 perl -e 'delete $ENV{PERL_BADLANG}; use POSIX; POSIX::setsid(); exec { $ARGV[0] } @ARGV or exit 127' -- "$@"
    else
        exec "$@"
    fi
}

process_leads_group() { # whether there is the group that process $1 has led
    kill -0 "-$1" 2>/dev/null
}

process_any_lives() { # of the words of $1
    for process_member in $1; do
        ! kill -0 "$process_member" 2>/dev/null || return 0
    done
    return 1
}

process_end() { # process $1, which leads a group where the system can make one, with all that it started: kindly, then not
    if command -v setsid >/dev/null; then
        # It may be about to make its group.
        process_members="-$1 $1"
    else
        process_members=$(process_descendants "$1")
        # On a Mac, Homebrew starts what it runs in groups of their own, and nothing tells whose they are but their parents.
        ! command -v perl >/dev/null || process_members="-$1 $process_members"
    fi
    # shellcheck disable=SC2086  # one word a process
    kill -TERM $process_members 2>/dev/null
    process_await_end "$process_members" 1000
    # shellcheck disable=SC2086
    kill -KILL $process_members 2>/dev/null
    # What waits for a disk inside the kernel may never end.
    process_await_end "$process_members" 1000
}

process_await_end() { # of the words of $1; fails when any of them lives after $2 hundredths of a second
    hundredths=0
    while process_any_lives "$1"; do
        [ "$hundredths" -lt "$2" ] || return 1
        clock_pause
    done
}

process_run_within() { # $1 hundredths of a second the command $2…; fails, and ends it, when it takes longer. How it ends is not told
    process_within=$1
    shift
    "$@" &
    process_asked=$!
    # By then most have ended, and what follows looks less often.
    sleep 0.01 2>/dev/null
    ! process_await_end "$process_asked" "$process_within" || return 0
    kill -KILL "$process_asked"
    return 1
}

# Time. What waits counts its own sleeps, since the activation itself may set the clock.

hundredths=0 clock='' clock_exact=''

clock_pause() { # wait a moment, a shorter one at first; adds it to `hundredths`
    # Each is a process, and of those who wait there are many on machines that share their processors.
    if [ "$hundredths" -lt 20 ]; then
        clock_nap=10
    elif [ "$hundredths" -lt 200 ]; then
        clock_nap=20
    else
        clock_nap=40
    fi
    if sleep "0.$clock_nap" 2>/dev/null; then
        hundredths=$((hundredths + clock_nap))
    else
        clock_sleep 1 # this sleep counts whole seconds only
        hundredths=$((hundredths + 100))
    fi
}

clock_sleep() { # $1 seconds
    sleep "$1" 2>/dev/null || clock_make_up "$1"
}

clock_make_up() { # for the $1 seconds of a `sleep` that has failed, which may not be there any more; one that was ended has none left
    case $? in 137 | 143) return ;; esac
    clock_read
    clock_end=$((clock + $1))
    while [ "$clock" -lt "$clock_end" ]; do clock_read; done
}

# Set `clock` to seconds that no change of the date touches, where the system has them, and `clock_exact` to the same with what it
# has of their parts.
clock_read() {
    clock_exact=0.00
    [ ! -r /proc/uptime ] || read -r clock_exact _ </proc/uptime
    # nix-on-droid has a file in its place that says so for ever.
    [ "$clock_exact" != 0.00 ] || clock_exact=$(date +%s)
    clock=${clock_exact%%.*}
}

clock_date() { # print the date and time
    # In place of the shell of the `$(…)` that this is called in.
    exec date -u +%Y-%m-%dT%H:%M:%SZ
}
