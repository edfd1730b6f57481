# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What surrounds each script: Nix's usual places on its PATH, which a non-interactive shell of macOS, nix-on-droid or a user's
# own Nix does not have, and marks by which its output is told from what login shells and banners print.

PATH="${PATH:-/usr/bin:/bin}:/run/wrappers/bin:/run/current-system/sw/bin:/nix/var/nix/profiles/default/bin"
PATH="$PATH:${HOME:-/}/.nix-profile/bin:${XDG_STATE_HOME:-${HOME:-/}/.local/state}/nix/profile/bin"
export PATH

shell_begin() { # $1: the mark
    printf '\n%s begin\n' "$1"
}

shell_end() { # $1: the mark, $2: the exit code of the script
    printf '\n%s end %s\n' "$1" "$2"
}

shell_login() { # its number and its name, which is the number where it has none
    id -u && { id -un 2>/dev/null || id -u; }
}
