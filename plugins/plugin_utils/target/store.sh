# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What a machine's store has, and what keeps it from the garbage collector.

store_existing() { # PATH…: prints those that exist
    for path; do
        if [ -e "$path" ]; then
            printf '%s\n' "$path"
        fi
    done
}

# Makes a machine ready for a build: prints where the GC root is, whether all paths are there (and are now kept), and else how
# many jobs the machine takes at a time.
store_prepare_build() { # ROOT NAME [PATH…]: ROOT may be empty, for NAME in the usual directory, or `none`; PATH is to be built
    root=$1 name=$2
    shift 2
    if [ "$root" = none ]; then
        root=
    elif [ -z "$root" ]; then
        roots=${XDG_STATE_HOME:-$HOME/.local/state}/nix.fleet/gcroots/built
        [ ! -L "$roots" ] || rm -f "$roots"
        root=$roots/$name
    fi
    [ -z "$root" ] || mkdir -p "${root%/*}" || return 1
    printf 'root %s\n' "$root"
    if [ "$#" -gt 0 ] && nix-store --check-validity "$@" 2>/dev/null; then
        [ -z "$root" ] || nix-store --realise "$1" --add-root "$root" >/dev/null || return 1
        echo valid
    else
        printf 'jobs %s\n' "$(nix --extra-experimental-features nix-command config show max-jobs 2>/dev/null)"
    fi
}
