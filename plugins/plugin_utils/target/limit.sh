# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs a command for a limited time, and leaves nothing of it behind.

late='' limit_left=0 limit_group=''

limit_run() { # SECONDS WORD...: its exit code; `late` is set when it was ended
    limit_left=$(($1 * 100))
    shift
    limit_group=''
    # By one of these it leads a group.
    ! { command -v setsid || command -v perl; } >/dev/null || limit_group=-
    # A command in the background has no standard input unless it is given one.
    { process_exec_session "$@" <&6 & } 6<&0
    limit_process=$!
    while kill -0 "$limit_process" 2>/dev/null; do
        if [ "$limit_left" -le 0 ]; then
            late=late
            limit_end
            break
        fi
        if sleep 0.05 2>/dev/null; then
            limit_left=$((limit_left - 5))
        else
            sleep 1 # this sleep counts whole seconds only
            limit_left=$((limit_left - 100))
        fi
    done
    wait "$limit_process" 2>/dev/null
    code=$?
    # What it left in the background would hold its output open.
    [ -z "$limit_group" ] || kill -KILL "-$limit_process" 2>/dev/null
    return "$code"
}

limit_end() { # kindly, then not
    limit_members=$limit_group$limit_process
    [ -n "$limit_group" ] || limit_members=$(process_descendants "$limit_process")
    # shellcheck disable=SC2086  # one word a process
    kill -TERM $limit_members 2>/dev/null
    sleep 1
    # shellcheck disable=SC2086
    kill -KILL $limit_members 2>/dev/null
}
