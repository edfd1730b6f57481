# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# One deployment at a time. The lock is a symbolic link whose text is the holder's record: making a link is atomic, needs no
# room on a full disk where there is memory for it, and the record is there as long as the lock is.

who='' of_run='' profile='' started='' phase='' until=''
lock_id='' lock_who='' lock_run='' lock_profile='' lock_pid='' lock_start='' lock_boot='' lock_started='' lock_phase='' lock_until=''
lock_for='' # the deployment that has the lock, where this one acts on its behalf
lock_wait_for_it='wait for it to end, then run again'
lock_timeout=0

# The phases: `working`; `awaiting` a confirmation; `free` for whoever takes it, while the holder still tries to bring the
# machine back.
lock_record() { # print the record of process $1
    process_find_start "$1"
    process_find_boot
    say id "${lock_for:-$id}"
    # A link has room for 1,023 bytes on macOS, and busybox's mv looks for a file of that name.
    printf 'who=%.100s\n' "$who"
    say run "$of_run"
    say profile "$profile"
    say pid "$1"
    say start "$since"
    say boot "$this_boot"
    say started "$started"
    say phase "${phase:-working}"
    # With as much room as it takes later: where there is no more, nothing is begun that could not be confirmed.
    say until "${until:-nothing is awaited}"
}

lock_read() { # set lock_id, lock_who, … to what the lock says; they are empty when there is none
    lock_text=''
    [ ! -L "$live/lock" ] || lock_text=$(readlink "$live/lock" 2>/dev/null)
    record_read lock_ "$lock_text" lock_id lock_who lock_run lock_profile lock_pid lock_start \
        lock_boot lock_started lock_phase lock_until
}

lock_is_held() { # whether somebody alive holds the lock
    [ -L "$live/lock" ] || return
    lock_read
    [ "$lock_phase" != free ] && process_is "$lock_pid" "$lock_start" "$lock_boot"
}

lock_is_there() { # whether somebody holds it, or has left it behind
    [ -e "$live/lock" ] || [ -L "$live/lock" ]
}

lock_is_of_same_profile_and_free() { # whether its holder, who brings this profile back, gives it to whoever comes
    lock_read
    [ "$lock_phase" = free ] && [ "$lock_profile" = "$profile" ]
}

lock_is_of_same_run() { # whether the holder is at another profile of this machine, in the same run of the same controller
    [ -n "$of_run" ] && [ "$lock_run" = "$of_run" ] && [ "$lock_profile" != "$profile" ]
}

lock_holder() { # print who holds it, for a person
    lock_find_left
    lock_awaits=${lock_left:+; it awaits its confirmation for $lock_left s, and goes back by itself then}
    [ -z "$lock_silent" ] ||
        lock_awaits='; the time for its confirmation is over, it has not gone back, and its supervisor does not answer'
    printf '%s since %s (deployment %s, process %s)%s\n' "$lock_who" "$lock_started" "$lock_id" "$lock_pid" "$lock_awaits"
}

lock_advice() { # print what to do while it is another's
    lock_find_left
    if [ -n "$lock_silent" ]; then lock_silent_advice; else printf '%s\n' "$lock_wait_for_it"; fi
}

lock_silent_advice() { # print what to do about a holder that lives, and does not answer
    # shellcheck disable=SC2016  # in backquotes, a command is not broken where it is shown
    printf 'look at the process on the machine: `ps -o stat,etime,args -p %s`; it may have been stopped (`kill -CONT %s`' \
        "$lock_pid" "$lock_pid"
    ! state_is_root || [ ! -d /run/systemd/system ] || printf "; all of it: \`systemctl kill -s CONT 'nix-fleet-%s-*'\`" "$lock_id"
    echo ')'
}

# Set `lock_left` to the seconds in which the holder has to be confirmed, if it awaits that; and `lock_silent` where these are over
# for so long that it should have gone on.
lock_find_left() {
    lock_left='' lock_silent=''
    case $lock_phase:$lock_until in
        awaiting:*[!0-9]* | awaiting:) return ;;
        awaiting:*) clock_read ;;
        *) return ;;
    esac
    lock_left=$((lock_until - clock))
    [ "$lock_left" -gt -60 ] || lock_silent=yes
    [ "$lock_left" -gt 0 ] || lock_left=0
}

lock_cause() { # print why there is no beginning while the lock is another's
    printf 'another deployment is running: %s\n' "$(lock_holder)"
}

# Until function $1 succeeds, which fails as long as somebody else has a lock; at most for $lock_timeout. Another profile's turn in the
# same run is no limit.
lock_await() {
    lock_waited=0
    until "$1"; do
        lock_is_of_same_run || [ "$lock_waited" -lt "$lock_timeout" ] || return 1
        sleep 1
        lock_waited=$((lock_waited + 1))
    done
}

lock_take() { # for process $1; fails with 1 when somebody alive has it, and with 2 when it cannot be made
    lock_tries=0
    until ln -s "$(lock_record "$1")" "$live/lock" 2>/dev/null; do
        if lock_is_held; then
            return 1
        elif [ -L "$live/lock" ]; then
            process_alone "$live/takeover" lock_remove_dead || return 2
        else
            # It may have been given up in this moment; if there is none and none can be made, that is another matter.
            lock_tries=$((lock_tries + 1))
            [ "$lock_tries" -lt 3 ] || return 2
        fi
    done
}

lock_remove_dead() {
    # What was found dead may have been given up and taken anew in between.
    lock_is_held || rm -f "$live/lock"
}

lock_is_ours() {
    lock_read
    [ -n "$lock_id" ] && [ "$lock_id" = "$id" ]
}

# Who goes back where it could not be made, or was taken away, makes it as soon as that is possible; and goes on by no means beside
# somebody else who has it by now.
lock_keep() {
    lock_is_there || ln -s "$(lock_record "$own_process")" "$live/lock" 2>/dev/null
    lock_is_free_for_us || exit 4
}

lock_is_free_for_us() {
    lock_read
    [ -z "$lock_id" ] || [ "$lock_id" = "${lock_for:-$id}" ]
}

lock_hand_over() { # to process $1 of this deployment, or to another phase of it
    lock_is_free_for_us || return
    if ! ln -s "$(lock_record "$1")" "$live/lock.$id" 2>/dev/null; then
        run_free_reserve
        rm -f "$live/lock.$id"
        ln -s "$(lock_record "$1")" "$live/lock.$id" || return
    fi
    mv -f "$live/lock.$id" "$live/lock"
}

lock_release() {
    if ! lock_is_ours; then
        : # There is none, or it is another's.
    elif [ "$lock_pid" = "$own_process" ] || [ "$lock_pid" = $$ ]; then
        rm -f "$live/lock"
    elif ! lock_is_held; then
        # Of a process of this deployment that is dead, so that another may be about to take it.
        process_alone "$live/takeover" lock_remove_own_dead
    fi
}

lock_remove_own_dead() {
    ! lock_is_ours || lock_remove_dead
}
