# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# The remote builders that a machine's Nix is set to use, and how builders are.

builders_setting() { # Prints the machine's own setting
    nix --extra-experimental-features nix-command config show builders
}

builders_files() { # FILE…: prints what is in them, as far as they are there
    for file; do
        [ ! -e "$file" ] || cat -- "$file" || return 1
        echo
    done
}

# Asks stores, given by their URLs, how they are, all at once.
# Prints `own` where whoever runs this is who builds, and logs in at builders; then for each store, by its number:
#   N ended CODE, N late (no answer in time), N out LINE, N err LINE
builders_ask() { # SECONDS URL…
    seconds=$1
    shift
    umask 077
    directory=$(mktemp -d) || return 1
    trap 'rm -rf "$directory"' 0
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    # No question may wait for an answer by hand. A user's own options come first, and the first one counts.
    NIX_SSHOPTS="${NIX_SSHOPTS:-} -o BatchMode=yes -o ConnectTimeout=$seconds"
    export NIX_SSHOPTS
    # Without a daemon, Nix builds as whoever runs it.
    if [ "$(id -u)" = 0 ] || [ -w /nix/var/nix/db ]; then
        echo own
    fi
    number=0
    for url; do
        number=$((number + 1))
        builders_ask_one "$number" "$url" 2>/dev/null &
    done
    wait
    number=0
    for _url; do
        number=$((number + 1))
        if [ -e "$directory/$number.ended" ]; then
            printf '%s ended %s\n' "$number" "$(cat "$directory/$number.ended")"
        fi
        if [ -e "$directory/$number.late" ]; then
            printf '%s late\n' "$number"
        fi
        sed "s/^/$number out /" "$directory/$number.out"
        sed "s/^/$number err /" "$directory/$number.err"
    done
}

builders_ask_one() { # NUMBER URL
    nix --extra-experimental-features nix-command store info --json --store "$2" \
        </dev/null >"$directory/$1.out" 2>"$directory/$1.err" &
    asking=$!
    (
        # The answers are read until nobody can write to them any more, and sleep may stay for a moment.
        sleep "$seconds" >/dev/null 2>&1
        : >"$directory/$1.late"
        kill "$asking"
        sleep 2 >/dev/null 2>&1
        kill -KILL "$asking"
    ) >/dev/null 2>&1 &
    watching=$!
    wait "$asking"
    echo "$?" >"$directory/$1.ended"
    kill "$watching" 2>/dev/null
}
