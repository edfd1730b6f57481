# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Whole files on a machine: what is not as it should be of one, and another in its place. What each holds is the output of a
# function, so that it is in no argument of a process and, unlike a here-document of some shells, in no temporary file of
# theirs. The working directory is the file's, which way.sh has seen to.
# shellcheck disable=SC2154  # directory, missing, uid and gid are set before

say() { # one line of the answer to the controller: key, value
    printf '%s=%s\n' "$1" "$(printf '%s' "$2" | tr '\n' '?')"
}

refuse() { # end without going on: $1 why, $2 what to do
    say cause "$1"
    say advice "$2"
    exit 1
}

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

stage() { # a whole new file beside $2, which `place` puts in its place: $1 number, $3 mode; content_$1 writes what it holds
    temporary=./.$2.nix.fleet
    # Of a run that was killed.
    rm -f "$temporary"
    if [ -d "./$2" ] && [ ! -L "./$2" ]; then
        refuse "$directory/$2 is a directory" 'remove it, or give the file another name'
    fi
    # By a program that says why it cannot, which not every printf does.
    if ! why=$( (umask 077 && set -C && "content_$1" 2>/dev/null | cat >"$temporary") 2>&1) ||
        ! "content_$1" | cmp -s - "$temporary"; then
        refuse "$directory/$2 could not be written${why:+: $why}" 'see whether the file system is full'
    fi
    case $(standing "$temporary") in
        *" $uid $gid") ;;
        *)
            chown "$uid:$gid" "$temporary" || refuse "$directory/$2 could not be given to user $uid and group $gid" ''
            ;;
    esac
    chmod "$3" "$temporary" || refuse "$directory/$2 could not be given its mode" ''
}

place() { # the staged file in place of $1: whoever has the old one open sees nothing of the new
    # The target of a link to a directory would take the file in.
    [ ! -L "./$1" ] || rm -f "./$1"
    mv -f "./.$1.nix.fleet" "./$1"
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
