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

# The files of a flake, sent to a machine that is to evaluate it.

store_has() { # PATH: whether the store has it
    nix-store --check-validity "$1" 2>/dev/null
}

store_receive_flake() { # NAME: an archive, compressed and in base64, on standard input; prints the path that the store has it under
    directory=$(mktemp -d) || return 1
    trap 'rm -rf "$directory"' 0
    base64 -d | gzip -dc | nix-store --restore "$directory/$1" || return 1
    nix-store --add "$directory/$1"
}

# The file of a key that signs what is pushed to a cache.

store_signing_key() { # print where the key $1 is, and which public key belongs to it; $1 is absolute, or begins with ~/
    # shellcheck disable=SC2088  # the tilde is that of the argument, which no shell has seen
    case $1 in
        '~/'*) key=${HOME:-}/${1#'~/'} ;;
        *) key=$1 ;;
    esac
    [ -f "$key" ] || store_signing_key_fail 3 "$key is not there, or not a file"
    # Not by ls, whose letters have no fixed place where there are access lists.
    [ -z "$(find -L "$key" -prune -perm -0004)" ] || store_signing_key_fail 4 "everyone on the machine can read $key"
    [ -r "$key" ] || store_signing_key_fail 5 "$key cannot be read by $(id -un)"
    public=$(nix --extra-experimental-features nix-command key convert-secret-to-public <"$key") ||
        store_signing_key_fail 6 "$key does not hold a signing key"
    printf 'file=%s\nkey=%s\n' "$key" "$public"
}

store_signing_key_fail() { # $1: the exit code; $2: what is wrong with the file
    printf '%s\n' "$2" >&2
    exit "$1"
}

# The units of systemd that a system has.

store_units() ( # print a line for each file of theirs in system $1: checksum, size, name
    cd "$1/etc/systemd/system" 2>/dev/null && cksum -- * */*.conf 2>/dev/null
    :
)

store_units_before() { # the same of system $1, a line `then`, and what runs; nothing where $2, which is to follow, is here already
    [ ! -e "$2" ] || return 0
    store_units "$1"
    echo 'then'
    systemctl list-units --state=active --plain --no-legend --no-pager --full 2>/dev/null | cut -d ' ' -f 1
}
