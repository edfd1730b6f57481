# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Directories that nobody but root and the user of this program can replace, or write to.

directory='' nearest='' missing='' safety_closed=''

safety_enter() { # make $1, or the nearest directory above it that exists, the working directory
    # It is entered already, and was found safe.
    [ "$1" != "$directory" ] || return 0
    directory=$1
    missing=no
    safety_closed=no
    nearest=$directory
    until [ -d "$nearest" ]; do
        missing=yes
        nearest=${nearest%/*}
        nearest=${nearest:-/}
    done
    safety_change_directory "$nearest"
}

safety_leave() { # the next `safety_enter` begins anew
    directory=''
}

safety_make() { # create the rest of $directory with the mask $1; in check mode it may stay missing
    if [ "$missing" = yes ] || [ "$safety_closed" = no ]; then
        [ -w . ] || answer_fail no_access "$(id -un) may not write to $nearest" 'escalate (become), or name another directory'
    fi
    if [ "$missing" = yes ] && [ "$check" = 0 ]; then
        (umask "$1" && mkdir -p "$directory") ||
            answer_fail no_directory "$directory could not be created" 'check that it is not a file, and that the user may write there'
        missing=no
        safety_change_directory "$directory"
    fi
    if [ "$missing" = no ] && [ "$safety_closed" = no ]; then
        case $(safety_attributes .) in
            ?????w* | ????????w*)
                answer_fail unsafe_path "$directory can be written to by others than its owner" \
                    'name a directory of its own, or take the permission away'
                ;;
        esac
        safety_closed=yes
    fi
}

safety_change_directory() {
    cd "$1" 2>/dev/null || answer_fail no_access "$(id -un) may not enter $1" 'escalate (become), or name another directory'
    safety_check "$1"
    safety_check "$(pwd -P)"
}

safety_check() { # fail if another user can change what path $1 leads to
    safety_path=$1
    while :; do
        # shellcheck disable=SC2046  # three words
        set -- $(safety_attributes "${safety_path:-/}")
        case $2 in
            0 | "$(id -u)") ;;
            *)
                answer_fail unsafe_path "$directory cannot be trusted: ${safety_path:-/} belongs to another user ($2)" \
                    'name a directory elsewhere'
                ;;
        esac
        case $1 in
            l* | ?????????[tT]*) ;;
            ?????w* | ????????w*)
                answer_fail unsafe_path "$directory cannot be trusted: others may replace what is in ${safety_path:-/}" \
                    'name a directory elsewhere'
                ;;
        esac
        # Whatever is above our own home, or is root itself, has to be trusted for everything.
        { [ -z "$safety_path" ] || { [ "$safety_path" = "${HOME:-}" ] && ! safety_is_root; }; } && break
        safety_path=${safety_path%/*}
    done
}

safety_attributes() ( # print mode, user and group of file $1, the last two as numbers
    facts=$(LC_ALL=C ls -ldn "$1") || exit
    set -f
    # shellcheck disable=SC2086  # fields are what is wanted
    set -- $facts
    printf '%s %s %s\n' "$1" "$3" "$4"
)

safety_is_root() {
    [ "$(id -u)" = 0 ]
}

safety_holds_memory() { # whether the working directory is on a file system that has no disk
    case $(stat -f -c %T . 2>/dev/null) in
        tmpfs | ramfs) return 0 ;;
    esac
    # As BSD and macOS say it, whose stat has other options.
    safety_place=$(df -P . | tail -n 1)
    case $(mount 2>/dev/null) in
        *" on ${safety_place##*% } (tmpfs"*) return 0 ;;
    esac
    return 1
}
