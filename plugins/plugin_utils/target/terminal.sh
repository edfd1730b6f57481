# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Makes a directory for one script, in memory where there is such a place, which nobody else can look into.

terminal_make_directory() { # allow_disk=1: on a disk, where there is no memory to write to
    umask 077
    for directory in "${XDG_RUNTIME_DIR:-/dev/shm}" /dev/shm; do
        # A place that cannot be entered is not in memory.
        if (cd "$directory" 2>/dev/null && [ -w . ] && safety_holds_memory); then
            directory=$(mktemp -d "$directory/nix.fleet-XXXXXXXX") && return
        fi
    done
    [ "$allow_disk" = 1 ] || exit 3
    directory=$(mktemp -d "${TMPDIR:-/tmp}/nix.fleet-XXXXXXXX") || exit
}

terminal_clean_up() { # see that nothing of it stays, whatever comes
    trap 'rm -rf "$directory"' 0
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

terminal_prepare() { # for the script to be written
    terminal_clean_up
    # Some shells keep here-documents in files there.
    TMPDIR=$directory
}

terminal_hand_over() { # say where the script is
    # The script removes itself as it begins. Where the connection breaks before, nobody else is left to do so.
    (
        trap '' HUP
        seconds=0
        while [ -e "$directory/script" ] && [ "$seconds" -lt 300 ]; do
            sleep 1
            seconds=$((seconds + 1))
        done
        [ ! -e "$directory/script" ] || rm -rf "$directory"
    ) </dev/null >/dev/null 2>&1 &
    trap - 0
    printf '%s\n' "$directory"
}

terminal_begin() { # the script itself, which is $0: the shell goes on reading a file that has been removed
    directory=${0%/*}
    rm -f "$0"
    terminal_clean_up
    stty -opost 2>/dev/null </dev/tty
}

terminal_end() { # the script, whose errors follow its output behind mark $1
    printf '%s errors\n' "$1"
    cat "$directory/errors"
}
