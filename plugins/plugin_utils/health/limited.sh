# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs a command for a limited time, and leaves nothing of it behind.

limited() { # SECONDS WORD...: its exit code; `late` is set when it was ended
    hundredths=$(($1 * 100))
    shift
    # As the leader of a process group, where there is a program that makes it one (macOS has perl).
    group=-
    if command -v setsid >/dev/null; then
        set -- setsid "$@"
    elif command -v perl >/dev/null; then
        # shellcheck disable=SC2016  # for perl
        set -- perl -e 'setpgrp; exec { $ARGV[0] } @ARGV or exit 127' -- "$@"
    else
        group=''
    fi
    # A command in the background has no standard input unless it is given one.
    { "$@" <&6 & } 6<&0
    started=$!
    while kill -0 "$started" 2>/dev/null; do
        if [ "$hundredths" -le 0 ]; then
            # shellcheck disable=SC2034  # for who called
            late=late
            end_limited
            break
        fi
        if sleep 0.05 2>/dev/null; then
            hundredths=$((hundredths - 5))
        else
            sleep 1 # this sleep counts whole seconds only
            hundredths=$((hundredths - 100))
        fi
    done
    wait "$started" 2>/dev/null
    code=$?
    # What it left in the background would hold its output open.
    [ -z "$group" ] || kill -KILL "-$started" 2>/dev/null
    return "$code"
}

end_limited() { # kindly, then not
    members=$group$started
    [ -n "$group" ] || members=$(process_descendants "$started")
    # shellcheck disable=SC2086  # one word a process
    kill -TERM $members 2>/dev/null
    sleep 1
    # shellcheck disable=SC2086
    kill -KILL $members 2>/dev/null
}
