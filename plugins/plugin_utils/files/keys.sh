# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Brings secrets into a directory.
# shellcheck disable=SC2154  # check and allow_disk are set before

bring() { # $1 number, $2 name, $3 owner, $4 group, $5 mode, $6 the mode as ls writes it; content_$1 writes the content
    uid=$(user_id "$3") || refuse "$directory/$2: there is no user $3 on this machine" "$no_such_owner"
    gid=$(group_id "$4") || refuse "$directory/$2: there is no group $4 on this machine" "$no_such_owner"
    say file "$1 $directory/$2"
    changes=$(changes_of "$1" "$2" "$6") || refuse "$directory/$2 cannot be compared" 'see that cmp is on the PATH'
    [ -n "$changes" ] || return 0
    [ "$missing" = yes ] || [ ! -f "./$2" ] || [ -L "./$2" ] || say before "$1 $(standing "./$2")"
    say after "$1 $6 $uid $gid"
    may_give "$2"
    [ "$check" = 1 ] || replace "$1" "$2" "$5"
    say changed "$1 $(printf '%s' "$changes" | tr '\n' ' ')"
}
no_such_owner='a user or group of the new system is there after the activation: upload_at post-activation'

replace() { # arguments as of `bring`
    temporary=./.$2.nix.fleet
    trap 'rm -f "$temporary"' EXIT
    trap 'exit 1' HUP INT TERM
    stage "$1" "$2" "$3"
    place "$2" || refuse "$directory/$2 could not be replaced" ''
    trap - EXIT HUP INT TERM
}

discard() { # see that there is no key $2, which is number $1
    say file "$1 $directory/$2"
    [ "$missing" = no ] && { [ -e "./$2" ] || [ -L "./$2" ]; } || return 0
    remove "$2"
    say changed "$1 removed"
}

only() { # remove every file from the directory but those of the names $@
    [ "$missing" = no ] || return 0
    for stray in ./* ./.[!.]* ./..?*; do
        [ -f "$stray" ] || [ -L "$stray" ] || continue
        stray=${stray#./}
        listed "$stray" "$@" && continue
        remove "$stray"
        say stray "$directory/$stray"
    done
}

listed() ( # whether $1 is among the others
    wanted=$1
    shift
    for name; do
        [ "$name" != "$wanted" ] || exit 0
    done
    exit 1
)

remove() {
    if [ -d "./$1" ] && [ ! -L "./$1" ]; then
        refuse "$directory/$1 is a directory" 'remove it by hand, or take the key from the list'
    fi
    [ "$check" = 1 ] || rm -f "./$1" || refuse "$directory/$1 could not be removed" ''
}
