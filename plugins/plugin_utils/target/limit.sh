# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs a command for a limited time, and leaves nothing of it behind.

late='' limit_left=0 limit_group=''

limit_run() { # SECONDS WORD...: its exit code; `late` is set when it was ended
    limit_left=$(($1 * 100))
    shift
    # As the leader of a process group, where there is a program that makes it one (macOS has perl, which would speak of a locale
    # that the machine lacks).
    limit_group=-
    if command -v setsid >/dev/null; then
        set -- setsid "$@"
    elif command -v perl >/dev/null; then
        # shellcheck disable=SC2016  # for perl
        set -- env PERL_BADLANG=0 perl -e 'delete $ENV{PERL_BADLANG}; setpgrp; exec { $ARGV[0] } @ARGV or exit 127' -- "$@"
    else
        limit_group=''
    fi
    # A command in the background has no standard input unless it is given one.
    { "$@" <&6 & } 6<&0
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
