# shellcheck shell=sh
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs a command of Nix's for as long as somebody waits for it: what prints nothing would not notice that nobody does.

command_run() { # HOW WORD...: the command's exit code. HOW one can tell that somebody waits: see `command_await_nobody`
    how=$1
    shift
    exec 3<&0
    "$@" </dev/null 3<&- &
    command=$!
    (
        # To find that nobody reads what is written must not be the end.
        trap '' PIPE
        command_await_nobody "$how"
        command_end
    ) &
    watcher=$!
    # Whoever ends our process group ends the command too, and how it ends is still to be told. Not before the watcher is
    # there: a signal that comes before it has dropped our trap would be lost to it.
    told=''
    trap 'told=yes' TERM
    exec 3<&-
    while
        wait "$command" 2>/dev/null
        code=$?
        [ -n "$told" ]
    do
        told=''
    done
    {
        kill "$watcher"
        wait "$watcher"
    } 2>/dev/null
    trap - TERM
    return "$code"
}

command_await_nobody() { # `input`: until our standard input ends; `output`: until nobody reads our standard output
    if [ "$1" = input ]; then
        while read -r _; do :; done <&3
    else
        # A null character is no part of anybody's words, and can be taken out of them again. Of a session that is one of
        # several on a connection, sshd closes no other of our pipes when its client is gone.
        while printf '\000'; do
            sleep 2 >/dev/null 2>&1
        done
    fi
} 2>/dev/null

command_end() {
    trap '' TERM
    left=$(process_descendants "$command")
    kill -TERM "$command"
    seconds=0
    while kill -0 "$command" && [ "$seconds" -lt 5 ]; do
        sleep 1
        seconds=$((seconds + 1))
    done
    # Nix ends its builders with itself, unless it had to be killed. They are in sessions of their own.
    # shellcheck disable=SC2086  # one word a process
    kill -KILL $left
} 2>/dev/null
