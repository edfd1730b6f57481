# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# A directory on a machine: there, and in nobody else's hands.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

nearest_to() { # make $1, or the nearest directory above it that is there, the working directory
    directory=$1
    missing=no
    nearest=$directory
    until [ -d "$nearest" ]; do
        missing=yes
        nearest=${nearest%/*}
        nearest=${nearest:-/}
    done
    stand_in "$nearest"
}

there() { # make the rest of the way to it, with the mask $1; in check mode it may stay missing
    [ -w . ] || refuse "$(id -un) may not write to $nearest" 'escalate (become), or name another directory'
    if [ "$missing" = yes ] && [ "$check" = 0 ]; then
        (umask "$1" && mkdir -p "$directory") ||
            refuse "$directory could not be made" 'see that it is no file, and that we may write there'
        missing=no
        stand_in "$directory"
    fi
    [ "$missing" = yes ] || closed || refuse "$directory can be written to by others than its owner" \
        'name a directory of its own, or take the permission away'
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

root() {
    [ "$(id -u)" = 0 ]
}
