# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# One file in the working directory: how it differs from what it should be, and a new one in its place. Its content is the
# output of function file_content_NUMBER, so that it is in no argument of a process and, unlike a here-document of some shells,
# in no temporary file of theirs.

uid='' gid='' late_owner=no no_owner_advice='correct the name, or deploy the user first'

file_check_printf() { # some shells have no printf of their own, and to a program of that name a secret would be an argument
    case $(command -v printf) in
        /*) answer_fail no_printf "the sh of this machine has no printf" 'use a login with another sh' ;;
    esac
}

file_changes() ( # print how file $2 differs: words, or nothing; $1 its number, $3 the mode that it should have, as ls writes it
    if [ "$missing" = yes ] || [ ! -f "./$2" ] || [ -L "./$2" ]; then
        echo created
        exit
    fi
    "file_content_$1" | cmp -s - "./$2"
    case $? in
        0) ;;
        1) echo content ;;
        *) exit 1 ;;
    esac
    # shellcheck disable=SC2046  # three words
    set -- "$3" $(safety_attributes "./$2")
    # A letter after the mode stands for extended attributes, but a plus sign for others who have access.
    case $2 in "$1" | "$1"[.@]) ;; *) echo mode ;; esac
    [ "$3" = "$uid" ] || echo owner
    [ "$4" = "$gid" ] || echo group
)

file_find_owner() { # set `uid` and `gid` for file $1, owner $2 and group $3
    if ! uid=$(file_user_id "$2"); then
        file_leave_to_later "$1" || answer_fail no_user "$directory/$1: there is no user $2 on this machine" "$no_owner_advice"
        uid=$(id -u)
    fi
    if ! gid=$(file_group_id "$3"); then
        file_leave_to_later "$1" || answer_fail no_group "$directory/$1: there is no group $3 on this machine" "$no_owner_advice"
        gid=$(id -g)
    fi
}

file_leave_to_later() { # whether file $1 may wait for an owner whom an activation is about to make
    [ "$late_owner" = yes ] && answer_say late "$directory/$1"
}

file_check_owner() { # fail unless this user can give file $1 to user $uid and group $gid
    safety_is_root && return
    [ "$uid" = "$(id -u)" ] && case " $(id -G) " in *" $gid "*) return ;; esac
    answer_fail no_access "$(id -un) cannot give $directory/$1 to user $uid and group $gid" \
        'escalate (become), or leave owner and group out'
}

file_stage() { # write a new file beside $2: $1 its number, $3 its mode
    file_staged=./.$2.nix.fleet
    # Of a run that was killed.
    rm -f "$file_staged"
    # By a program that says why it cannot, which not every printf does.
    if ! file_error=$( (umask 077 && set -C && "file_content_$1" 2>/dev/null | cat >"$file_staged") 2>&1) ||
        ! "file_content_$1" | cmp -s - "$file_staged"; then
        answer_fail not_written "$directory/$2 could not be written${file_error:+: $file_error}" \
            'check whether the file system is full'
    fi
    case $(safety_attributes "$file_staged") in
        *" $uid $gid") ;;
        *)
            chown "$uid:$gid" "$file_staged" ||
                answer_fail not_written "$directory/$2 could not be given to user $uid and group $gid" ''
            ;;
    esac
    chmod "$3" "$file_staged" || answer_fail not_written "$directory/$2 could not be given its mode" ''
}

file_place() { # move the staged file over $1: whoever has the old one open sees nothing of the new
    # The target of a link to a directory would take the file in.
    [ ! -L "./$1" ] || rm -f "./$1"
    mv -f "./.$1.nix.fleet" "./$1"
}

file_user_id() { # print the number of user $1, by default of this user
    case $1 in
        '' | *[!0-9]*) id -u ${1:+"$1"} 2>/dev/null ;;
        *) printf '%s\n' "$1" ;;
    esac
}

file_group_id() ( # print the number of group $1, by default of this user's
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

# What a program answers to the controller: lines `key=value`, each on one line whatever is in it.

answer_say() { # key, value
    printf '%s=%s\n' "$1" "$(printf '%s' "$2" | tr '\n' '?')"
}

answer_fail() { # end the program: $1 the code of the error, $2 why, $3 what to do
    answer_say code "$1"
    answer_say cause "$2"
    answer_say advice "$3"
    exit 1
}
