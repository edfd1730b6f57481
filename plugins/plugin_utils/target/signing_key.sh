# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# The file of a key that signs what is pushed to a cache.

signing_key_read() { # print where the key $1 is, and which public key belongs to it; $1 is absolute, or begins with ~/
    # shellcheck disable=SC2088  # the tilde is that of the argument, which no shell has seen
    case $1 in
        '~/'*) key=${HOME:-}/${1#'~/'} ;;
        *) key=$1 ;;
    esac
    [ -f "$key" ] || signing_key_fail 3 "$key is not there, or not a file"
    # Not by ls, whose letters have no fixed place where there are access lists.
    [ -z "$(find -L "$key" -prune -perm -0004)" ] || signing_key_fail 4 "everyone on the machine can read $key"
    [ -r "$key" ] || signing_key_fail 5 "$key cannot be read by $(id -un)"
    public=$(nix --extra-experimental-features nix-command key convert-secret-to-public <"$key") ||
        signing_key_fail 6 "$key does not hold a signing key"
    printf 'file=%s\nkey=%s\n' "$key" "$public"
}

signing_key_fail() { # $1: the exit code; $2: what is wrong with the file
    printf '%s\n' "$2" >&2
    exit "$1"
}
