# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs a part of the program for a limited time.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

pause() { # wait a moment, a shorter one at first; adds it to `hundredths`
    nap=20
    [ "$hundredths" -ge 40 ] || nap=05
    if sleep "0.$nap" 2>/dev/null; then
        hundredths=$((hundredths + ${nap#0}))
    else
        sleep 1 # this sleep counts whole seconds only
        hundredths=$((hundredths + 100))
    fi
}

in_new_session() { # start $@ in the background as the leader of a process group, whose number is then $!
    if command -v setsid >/dev/null; then
        setsid "$@" &
    else
        set -m
        "$@" &
        set +m
    fi
}

end_group() { # $1: its number
    kill -TERM "-$1" 2>/dev/null || kill -TERM "$1" 2>/dev/null
    hundredths=0
    while kill -0 "-$1" 2>/dev/null && [ "$hundredths" -lt 1000 ]; do
        pause
    done
    kill -KILL "-$1" 2>/dev/null || kill -KILL "$1" 2>/dev/null
}

end_step() { # what runs now, because this program is told to end; how it ended decides what comes next
    [ -z "$group" ] || kill -TERM "-$group" 2>/dev/null
}

step() { # run function $1 of this program with the other arguments; its exit code, or 124 when it took too long
    # A disk that has become full must not fail what could still succeed: what cannot be logged is not.
    printf '\n== %s\n' "$*" >>"$log" || log=/dev/null
    in_new_session "$shell" "$run/program" step "$@" >>"$log" 2>&1 </dev/null
    group=$!
    hundredths=0
    # Counted rather than read from a clock, which the step itself may set.
    while kill -0 "$group" 2>/dev/null; do
        if [ "$hundredths" -ge $((activation_timeout * 100)) ]; then
            end_group "$group"
            wait "$group"
            group=''
            return 124
        fi
        pause
    done
    wait "$group"
    ended=$?
    group=''
    return "$ended"
}
