# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# The files of a flake, sent to a machine that is to evaluate it.

flake_is_present() { # PATH: whether the store has it
    nix-store --check-validity "$1" 2>/dev/null
}

flake_receive() { # NAME: an archive, compressed and in base64, on standard input; prints the path that the store has it under
    directory=$(mktemp -d) || return 1
    trap 'rm -rf "$directory"' 0
    base64 -d | gzip -dc | nix-store --restore "$directory/$1" || return 1
    nix-store --add "$directory/$1"
}
