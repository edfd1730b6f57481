# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# The directory of secrets: in memory, and in nobody else's hands.
# shellcheck disable=SC2034,SC2154  # one program in two files, which share variables

enter() { # make $1, or the usual directory, the working directory; in check mode it may stay missing
    directory=${1:-$(usual_directory)}
    missing=no
    nearest=$directory
    until [ -d "$nearest" ]; do
        missing=yes
        nearest=${nearest%/*}
        nearest=${nearest:-/}
    done
    stand_in "$nearest"
    [ "$allow_disk" = 1 ] || in_memory ||
        refuse "$directory is not in memory: what is written there stays on a disk" \
            'name a directory on a tmpfs (directory), or accept the disk (allow_disk)'
    [ -w . ] || refuse "$(id -un) may not write to $nearest" 'escalate (become), or name another directory'
    if [ "$missing" = yes ] && [ "$check" = 0 ]; then
        # The owners of keys may pass through, and not look around.
        (umask "$(if root; then echo 066; else echo 077; fi)" && mkdir -p "$directory") ||
            refuse "$directory could not be made" 'see that it is no file, and that we may write there'
        missing=no
        stand_in "$directory"
    fi
    [ "$missing" = yes ] || closed || refuse "$directory can be written to by others than its owner" \
        'name a directory of its own for keys, or take the permission away'
    ! leaves_with_session || say warning "$directory goes when the last session of $(id -un) ends: loginctl enable-linger"
}

stand_in() { # go to $1, on a way that nobody but root and us can bend
    cd "$1" 2>/dev/null || refuse "$(id -un) may not enter $1" 'escalate (become), or name another directory'
    safe_way "$1"
    safe_way "$(pwd -P)"
}

safe_way() {
    way=$1
    while :; do
        # shellcheck disable=SC2046  # three words
        set -- $(standing "${way:-/}")
        case $2 in
            0 | "$(id -u)") ;;
            *) refuse "$directory cannot be trusted: ${way:-/} belongs to another user ($2)" 'name a directory elsewhere' ;;
        esac
        case $1 in
            l* | ?????????[tT]*) ;;
            ?????w* | ????????w*)
                refuse "$directory cannot be trusted: others may replace what is in ${way:-/}" 'name a directory elsewhere'
                ;;
        esac
        # Whatever is above our own home, or is root itself, has to be trusted for everything.
        { [ -z "$way" ] || { [ "$way" = "${HOME:-}" ] && ! root; }; } && break
        way=${way%/*}
    done
}

closed() { # whether nobody but the owner can write to the working directory
    case $(standing .) in
        ?????w* | ????????w*) return 1 ;;
    esac
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

root() {
    [ "$(id -u)" = 0 ]
}
