# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# The directory of secrets: in memory.
# shellcheck disable=SC2034,SC2154  # one program in two files, which share variables

enter() { # make $1, or the usual directory, the working directory; in check mode it may stay missing
    nearest_to "${1:-$(usual_directory)}"
    [ "$allow_disk" = 1 ] || in_memory ||
        refuse "$directory is not in memory: what is written there stays on a disk" \
            'name a directory on a tmpfs (directory), or accept the disk (allow_disk)'
    # The owners of keys may pass through, and not look around.
    there "$(if root; then echo 066; else echo 077; fi)"
    ! leaves_with_session || say warning "$directory goes when the last session of $(id -un) ends: loginctl enable-linger"
}

leaves_with_session() {
    case $directory in
        /run/user/*) [ -d /run/systemd/system ] && [ ! -e "/var/lib/systemd/linger/$(id -un)" ] ;;
        *) return 1 ;;
    esac
}

usual_directory() (
    if root && [ "$(uname -s)" = Linux ]; then
        echo /run/keys
    elif root; then
        echo /var/lib/nix.fleet-keys
    elif [ -d "${XDG_RUNTIME_DIR:-/run/user/$(id -u)}" ]; then
        printf '%s/keys\n' "${XDG_RUNTIME_DIR:-/run/user/$(id -u)}"
    else
        printf '%s/nix.fleet/keys\n' "${XDG_STATE_HOME:-$HOME/.local/state}"
    fi
)
