# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs a command on a machine that a closure comes from.

# Read settings for Nix up to an empty line, run command $4… with at most $3 KiB of memory, and print an empty line to standard error
# each $1 seconds until it ends. The end of standard input ends the command: its output would otherwise wait for ever in a session
# that nobody listens to any more. Then socket $2 is of no use, and sshd does not remove it.
source_command_run() {
    source_command_period=$1 source_command_socket=$2 source_command_memory=$3
    shift 3
    source_command_settings=$(while IFS= read -r line && [ -n "$line" ]; do printf '%s\n' "$line"; done)
    NIX_CONFIG=$(printf '%s\n%s' "${NIX_CONFIG:-}" "$source_command_settings")
    export NIX_CONFIG
    exec 3<&0
    while echo >&2; do sleep "$source_command_period" >/dev/null 2>&1; done &
    source_command_keepalive=$!
    { source_command_exec "$source_command_memory" "$@"; } </dev/null 3<&- &
    source_command_process=$!
    {
        while read -r _; do :; done
        kill -KILL "$source_command_process"
    } <&3 2>/dev/null &
    source_command_listener=$!
    wait "$source_command_process"
    source_command_code=$?
    kill "$source_command_keepalive" "$source_command_listener"
    rm -f "$source_command_socket"
    exit "$source_command_code"
}

source_command_exec() { # command $2… with at most $1 KiB, in place of this shell; where the system knows no such limit, or for '', without
    # shellcheck disable=SC3045  # not POSIX, and there is none where a shell does not know it
    [ -z "$1" ] || ulimit -d "$1" 2>/dev/null
    shift
    exec "$@"
}
