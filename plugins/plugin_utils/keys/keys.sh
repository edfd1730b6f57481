# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Brings secrets into a directory. What each holds is the output of a function, so that it is in no argument of a
# process and, unlike a here-document of some shells, in no temporary file of theirs.
# shellcheck disable=SC2154  # check and allow_disk are set before

say() { # one line of the answer to the controller: key, value
    printf '%s=%s\n' "$1" "$(printf '%s' "$2" | tr '\n' '?')"
}

refuse() { # end without going on: $1 why, $2 what to do
    say cause "$1"
    say advice "$2"
    exit 1
}

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

changes_of() ( # what is not as it should be of file $2: words, or nothing; $1 and $3 as of `bring`
    if [ "$missing" = yes ] || [ ! -f "./$2" ] || [ -L "./$2" ]; then
        echo created
        exit
    fi
    "content_$1" | cmp -s - "./$2"
    case $? in
        0) ;;
        1) echo content ;;
        *) exit 1 ;;
    esac
    # shellcheck disable=SC2046  # three words
    set -- "$3" $(standing "./$2")
    # A letter after the mode stands for extended attributes, but a plus sign for others who have access.
    case $2 in "$1" | "$1"[.@]) ;; *) echo mode ;; esac
    [ "$3" = "$uid" ] || echo owner
    [ "$4" = "$gid" ] || echo group
)

standing() ( # mode, user and group of file $1, the last two as numbers
    facts=$(LC_ALL=C ls -ldn "$1") || exit
    set -f
    # shellcheck disable=SC2086  # fields are what is wanted
    set -- $facts
    printf '%s %s %s\n' "$1" "$3" "$4"
)

may_give() { # see that a file of ours can be handed to user $uid and group $gid; $1 is its name
    root && return
    [ "$uid" = "$(id -u)" ] && case " $(id -G) " in *" $gid "*) return ;; esac
    refuse "$(id -un) cannot give $directory/$1 to user $uid and group $gid" \
        'escalate (become), or leave owner and group out'
}

replace() { # a whole new file in place of $2: whoever has the old one open sees nothing of the new; arguments as of `bring`
    temporary=./.$2.nix.fleet
    # Of a run that was killed.
    rm -f "$temporary"
    trap 'rm -f "$temporary"' EXIT
    trap 'exit 1' HUP INT TERM
    if [ -d "./$2" ] && [ ! -L "./$2" ]; then
        refuse "$directory/$2 is a directory" 'remove it, or give the key another name'
    fi
    if ! (umask 077 && set -C && "content_$1" >"$temporary") || ! "content_$1" | cmp -s - "$temporary"; then
        refuse "$directory/$2 could not be written" 'see whether the file system is full'
    fi
    case $(standing "$temporary") in
        *" $uid $gid") ;;
        *)
            chown "$uid:$gid" "$temporary" || refuse "$directory/$2 could not be given to user $uid and group $gid" ''
            ;;
    esac
    # The target of a link to a directory would take the file in.
    [ ! -L "./$2" ] || rm -f "./$2"
    { chmod "$3" "$temporary" && mv -f "$temporary" "./$2"; } || refuse "$directory/$2 could not be replaced" ''
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

user_id() { # the number of user $1, by default of us
    case $1 in
        '' | *[!0-9]*) id -u ${1:+"$1"} 2>/dev/null ;;
        *) printf '%s\n' "$1" ;;
    esac
}

group_id() ( # the number of group $1, by default of ours
    case $1 in
        '') exec id -g ;;
        *[!0-9]*) ;;
        *)
            printf '%s\n' "$1"
            exit
            ;;
    esac
    if command -v getent >/dev/null; then
        entry=$(getent group "$1") || exit
        entry=${entry#*:*:}
        printf '%s\n' "${entry%%:*}"
    elif command -v dscacheutil >/dev/null; then
        dscacheutil -q group -a name "$1" | sed -n 's/^gid: //p' | grep .
    else
        awk -F : -v name="$1" '$1 == name { print $3; found = 1; exit } END { exit !found }' /etc/group
    fi
)
