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

# Which paths this machine's store has.

store_paths_missing() { # print those of paths $@ that it lacks
    if ! command -v nix-store >/dev/null 2>&1; then
        echo "no nix-store on PATH: $PATH" >&2
        return 127
    fi
    nix-store --check-validity --print-invalid "$@" || return 1
}

store_paths_missing_of_many() { # the same for $1, a path a line, which may be more than a command line holds
    # The characters of a store path need no quoting for xargs.
    printf '%s\n' "$1" | xargs nix-store --check-validity --print-invalid
}

store_paths_keep() { # print those of paths $2… that it lacks; where it lacks none, keep them as GC root $1, if that has a name
    store_paths_root=$1
    shift
    store_paths_lacked=$(store_paths_missing "$@") || return
    if [ -n "$store_paths_lacked" ]; then
        printf '%s\n' "$store_paths_lacked"
    elif [ -n "$store_paths_root" ]; then
        gc_root_keep "$store_paths_root" "$@"
    fi
}

store_paths_on_disk() { # whether paths $@ are, which takes less time to see than what Nix says of them
    for store_path; do
        [ -e "$store_path" ] || [ -L "$store_path" ] || return 1
    done
}
