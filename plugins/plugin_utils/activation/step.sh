# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs a part of the program for a limited time.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

pause() { # wait a moment, a shorter one at first; adds it to `hundredths`
    # Each is a process, and of those who wait there are many on machines that share their processors.
    if [ "$hundredths" -lt 20 ]; then
        nap=10
    elif [ "$hundredths" -lt 200 ]; then
        nap=20
    else
        nap=40
    fi
    if sleep "0.$nap" 2>/dev/null; then
        hundredths=$((hundredths + nap))
    else
        sleep 1 # this sleep counts whole seconds only
        hundredths=$((hundredths + 100))
    fi
}

in_new_session() { # start $@ in the background, as the leader of a process group where the system can make one
    if command -v setsid >/dev/null; then
        setsid "$@" &
    else
        "$@" &
    fi
}

end_step() { # the step whose first process is $1, with all that it started: kindly, then not
    if command -v setsid >/dev/null; then
        members=-$1
    else
        members=$(descendants "$1")
    fi
    # shellcheck disable=SC2086  # one word a process
    kill -TERM $members 2>/dev/null
    hundredths=0
    # shellcheck disable=SC2086
    while kill -0 $members 2>/dev/null && [ "$hundredths" -lt 1000 ]; do
        pause
    done
    # shellcheck disable=SC2086
    kill -KILL $members 2>/dev/null
}

step() { # run function $1 of this program with the other arguments; its exit code, or 124 when it took too long
    # A disk that has become full must not fail what could still succeed: what cannot be logged is not.
    printf '\n== %s\n' "$*" >>"$log" || log=/dev/null
    in_new_session "$shell" "$run/program" step "$@" >>"$log" 2>&1 </dev/null
    process=$!
    # For whoever has to finish the work should this program be killed.
    find_start "$process"
    say step "$process $since" >"$run/step"
    hundredths=0
    # Counted rather than read from a clock, which the step itself may set.
    while kill -0 "$process" 2>/dev/null; do
        if [ "$hundredths" -ge $((activation_timeout * 100)) ]; then
            end_step "$process"
            wait "$process"
            process=''
            return 124
        fi
        pause
    done
    wait "$process"
    code_of_step=$?
    process=''
    return "$code_of_step"
}

end_orphan() { # the step of a supervisor that was killed, lest it goes on beside what now follows
    orphan=$(field step "$run/step")
    [ -n "${orphan#* }" ] || return 0
    find_start "${orphan%% *}"
    [ "${orphan#* }" != "$since" ] || end_step "${orphan%% *}"
}
