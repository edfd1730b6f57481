# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh
# Looks at the file of a signing key, and says where it is and which public key belongs to it.
#   key.sh FILE         FILE: an absolute path, or one that begins with ~/
# shellcheck disable=SC2088  # the tilde is that of the argument, which no shell has seen
case $1 in
'~/'*) key=${HOME:-}/${1#'~/'} ;;
*) key=$1 ;;
esac

refuse() { # $1: the exit code; $2: what is wrong with the file
    printf '%s\n' "$2" >&2
    exit "$1"
}

[ -f "$key" ] || refuse 3 "$key is not there, or not a file"
# Not by ls, whose letters have no fixed place where there are access lists.
[ -z "$(find -L "$key" -prune -perm -0004)" ] || refuse 4 "everyone on the machine can read $key"
[ -r "$key" ] || refuse 5 "$key cannot be read by $(id -un)"
public=$(nix --extra-experimental-features nix-command key convert-secret-to-public <"$key") ||
    refuse 6 "$key does not hold a signing key"
printf 'file=%s\nkey=%s\n' "$key" "$public"
