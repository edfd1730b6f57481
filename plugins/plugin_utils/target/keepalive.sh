# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Shows each side of a connection that the other is there.

keepalive_printer=''

# Print a line each $2 seconds, and leave a file for each line that is read, in directory $1 of a private daemon, if there is one.
# The end of the input is the end of both. A line with a word asks whether the closure is complete; the answer is the last that is
# printed, and whoever reads it need not wait for the end.
keepalive_run() {
    while echo; do sleep "$2" >/dev/null 2>&1; done &
    keepalive_printer=$!
    keepalive_answer=''
    while [ -z "$keepalive_answer" ] && read -r keepalive_word; do
        [ -z "$1" ] || (: >"$1/alive") 2>/dev/null
        [ -z "$keepalive_word" ] || keepalive_answer=$(keepalive_ask "$1/..")
    done
    kill "$keepalive_printer"
    [ -z "$1" ] || (: >"$1/end") 2>/dev/null
    echo "$keepalive_answer"
}

keepalive_ask() { # the private daemon of directory $1; wait for the answer as long as somebody listens
    # To open a pipe for both directions waits for nobody, also where the other end has gone.
    if [ -p "$1/question" ] && echo 1<>"$1/question"; then
        until [ -e "$1/answer" ]; do
            kill -0 "$keepalive_printer" || break
            sleep 0.02 || sleep 1
        done 2>/dev/null
    fi
    cat "$1/answer" 2>/dev/null || echo 'nix.fleet: the closure may be incomplete'
}
