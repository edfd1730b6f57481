# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What files tell of a machine and a profile. Nothing here writes.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

# A process costs such a machine more than all that most of these functions do, and `$(…)` is one. So what a deployment asks
# for often sets a variable (`find_…`), and only where that would be cumbersome there is a form beside it that prints.

store=${NIX_STORE_DIR:-/nix/store}
own_uid=''

say() { # one line of the answer to the controller: key, value
    printf '%s=%s\n' "$1" "$2"
}

read_fields() { # set each of the variables $2… to the value of the key of that name in file $1, whose lines are key=value
    file_of_fields=$1
    shift
    for name; do eval "$name="; done
    while IFS= read -r line; do
        for name; do
            [ "${line%%=*}" != "$name" ] || eval "$name=\${line#*=}"
        done
    done 2>/dev/null <"$file_of_fields"
}

field() { # the value of key $1 in file $2
    while IFS= read -r line; do
        case $line in "$1="*)
            printf '%s\n' "${line#*=}"
            break
            ;;
        esac
    done 2>/dev/null <"$2"
}

# Set `resolved` to path $1 with symbolic links at its end followed, and `first_link` to what the first of them says.
# `readlink -f` is missing on older macOS.
follow_links() {
    resolved=$1 hops=0 first_link=''
    while [ -L "$resolved" ] && [ "$hops" -lt 40 ]; do
        link=$(readlink "$resolved")
        [ "$hops" -gt 0 ] || first_link=$link
        case $link in
            /*) resolved=$link ;;
            *) resolved=${resolved%/*}/$link ;;
        esac
        hops=$((hops + 1))
    done
}

resolve() { # the same, for who wants to have it printed
    follow_links "$1"
    printf '%s\n' "$resolved"
}

find_target() { # set `target` to the store path that $1 leads to, or to nothing, and `first_link` as `follow_links` does
    follow_links "$1"
    target=''
    case $resolved in
        *[!A-Za-z0-9+._?=/-]*) ;;
        "$store"/?*) target=$resolved ;;
    esac
}

closure_of() { # the same, for who wants to have it printed
    find_target "$1"
    [ -z "$target" ] || printf '%s\n' "$target"
}

read_profile() { # set `target` to the closure of profile $1, and `stands_at` to its generation, or to nothing when it has none
    find_target "$1"
    name=${1##*/} link=${first_link##*/}
    stands_at=${link#"$name"-}
    stands_at=${stands_at%-link}
    case $stands_at in
        *[!0-9]*) stands_at='' ;;
    esac
    [ "$link" = "$name-$stands_at-link" ] || stands_at=''
}

generation_of() { # the generation that profile $1 stands at, for who wants to have it printed
    read_profile "$1"
    [ -z "$stands_at" ] || printf '%s\n' "$stands_at"
}

generations_of() ( # the numbers of profile $1's generations, oldest first
    for link in "$1"-*-link; do
        number=${link#"$1"-}
        number=${number%-link}
        case $number in
            '' | *[!0-9]*) ;;
            *) [ ! -L "$link" ] || printf '%s\n' "$number" ;;
        esac
    done | sort -n
)

generation_before() ( # the newest of profile $1's generations that is older than number $2, or nothing
    generations_of "$1" | while read -r number; do
        [ "$number" -ge "$2" ] || printf '%s\n' "$number"
    done | tail -n 1
)

root() {
    [ -n "$own_uid" ] || own_uid=$(id -u)
    [ "$own_uid" = 0 ]
}

find_state() { # set `state` to where deployments are recorded: only the deploying user can write there, and a reboot keeps it
    if root; then
        state=/var/lib/nix.fleet
    else
        state=${XDG_STATE_HOME:-$HOME/.local/state}/nix.fleet
    fi
}
