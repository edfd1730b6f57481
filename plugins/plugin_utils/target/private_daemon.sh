# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs a nix-daemon for one user, for the length of one copy: until it is told to end, or nobody has shown for a while that the
# copy goes on. Neither a lost connection nor a killed controller leaves a daemon, a lock on a store path, or a directory.
# A keepalive is a file `alive` in $keepalive, the order to end a file `end` there or in $directory. $keepalive is the user's:
# nothing is done there but to look and to remove by name.

directory='' keepalive='' log='' daemon=''

private_daemon_run() { # in directory $1, for user $2, until $3 seconds without a keepalive; $4…: what `gc_root_keep` takes
    directory=$1
    keepalive=$directory/keepalive
    # As /proc names it, also where /run is a link.
    log=$(CDPATH='' cd -- "$directory" && pwd -P)/log
    trap '' HUP INT
    answering=''
    if [ -p "$directory/question" ]; then
        # For both directions, which waits for nobody.
        exec 4<>"$directory/question"
        (
            shift 3
            private_daemon_answer "$@"
        ) &
        answering=$!
        exec 4<&-
    fi

    # The daemon must open the store itself: left to choose, it may take the socket it listens at for the store's, and connect
    # to itself without end. It reads nothing; what it has for that is what its children are known by.
    NIX_DAEMON_SOCKET_PATH=$directory/socket NIX_REMOTE=local OBJC_DISABLE_INITIALIZE_FORK_SAFETY=YES \
        nix-daemon --option store local --option trusted-users "$2" --option allowed-users "$2" <"$directory/log" &
    daemon=$!

    # Two shells, so that nothing is left when one of them is killed: each then ends all that there is.
    (
        private_daemon_watch "$3"
        kill -0 $$ 2>/dev/null || private_daemon_end
    ) &
    trap : TERM
    wait $!
    private_daemon_end
}

# A line in the pipe asks whether the whole closure has come. If so it is kept from the garbage collector.
private_daemon_answer() {
    read -r _ <&4
    # The user is to read it, and the links are as open as those of any other question.
    umask 022
    if gc_root_keep "$@" >/dev/null 2>&1; then
        echo 'nix.fleet: the closure is complete'
    else
        echo 'nix.fleet: the closure may be incomplete'
    fi >"$directory/draft"
    mv "$directory/draft" "$directory/answer"
}

# Print the daemon and its children, each of which serves a client in a session of its own, and outlives it. Without /proc they
# are known as long as the daemon is there.
private_daemon_processes() {
    if [ -r /proc/self/fd/0 ]; then
        # shellcheck disable=SC2012  # no name here is out of the ordinary
        ls -l /proc/[0-9]*/fd/0 2>/dev/null | sed -n "s|.* /proc/\([0-9]*\)/fd/0 -> $log.*|\1|p"
    else
        ps -A -o pid,ppid | while read -r pid parent; do
            if [ "$pid" = "$daemon" ] || [ "$parent" = "$daemon" ]; then echo "$pid"; fi
        done
    fi
}

private_daemon_traffic() { # what has been read so far, where the system tells: on a slow line keepalives wait behind the copy
    for process in $(private_daemon_processes); do
        cat "/proc/$process/io" 2>/dev/null
    done
}

private_daemon_is_wanted() {
    # $$ is the shell that this one is a child of.
    kill -0 $$ 2>/dev/null && kill -0 "$daemon" 2>/dev/null && [ ! -e "$directory/end" ] && [ ! -e "$keepalive/end" ]
}

private_daemon_watch() { # until nobody wants it any more, or there was no keepalive for $1 seconds
    silence=0
    before=''
    while private_daemon_is_wanted; do
        if [ -e "$keepalive/alive" ]; then
            rm -f "$keepalive/alive" 2>/dev/null
            silence=0
        elif [ "$silence" -ge "$1" ]; then
            now=$(private_daemon_traffic)
            [ "$now" != "$before" ] || break
            before=$now
            silence=0
        fi
        silence=$((silence + 1))
        sleep 1
    done
}

private_daemon_end() { # and all that it has started, and its directory
    # What is stopped begins no further child.
    # shellcheck disable=SC2046  # a list of process numbers, as below
    kill -STOP $(private_daemon_processes) 2>/dev/null
    left=$(private_daemon_processes)
    # shellcheck disable=SC2086
    kill -TERM $left $answering 2>/dev/null
    # shellcheck disable=SC2086
    kill -CONT $left 2>/dev/null
    # In a subshell: where this cannot be written, that must not be the end of this shell.
    (: >"$directory/ended") 2>/dev/null
    sleep 1
    # shellcheck disable=SC2086
    kill -KILL $left 2>/dev/null

    # What else the user may have put there is no tree to walk for another user, and stays.
    # shellcheck disable=SC3067  # POSIX has no -O, but every sh does
    [ -O "$keepalive" ] || chown "$(id -u)" "$keepalive" 2>/dev/null
    cd "$directory" && rm -f keepalive/alive keepalive/end private_daemon socket log end ended question draft answer 2>/dev/null
    rmdir "$keepalive" "$directory" 2>/dev/null
}

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
            sleep 0.05 || sleep 1
        done 2>/dev/null
    fi
    cat "$1/answer" 2>/dev/null || echo 'nix.fleet: the closure may be incomplete'
}
