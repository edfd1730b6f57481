# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What files tell of a machine and a profile. Nothing here writes.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

# A process costs such a machine more than all that most of these functions do, so they start few. Those that print are
# called in `$(…)`, and their variables are nobody else's.

store=${NIX_STORE_DIR:-/nix/store}
own_uid=$(id -u)

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

follow_links() { # set `resolved` to path $1 with symbolic links at its end followed; `readlink -f` is missing on older macOS
    resolved=$1 hops=0
    while [ -L "$resolved" ] && [ "$hops" -lt 40 ]; do
        link=$(readlink "$resolved")
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

closure_of() { # the store path that $1 leads to, or nothing
    follow_links "$1"
    case $resolved in
        *[!A-Za-z0-9+._?=/-]*) ;;
        "$store"/?*) printf '%s\n' "$resolved" ;;
    esac
}

generation_of() { # the generation that profile $1 stands at, or nothing when it does not stand at one
    name=${1##*/}
    link=$(readlink "$1" 2>/dev/null) || return 0
    link=${link##*/}
    number=${link#"$name"-}
    number=${number%-link}
    case $number in
        '' | *[!0-9]*) ;;
        *) [ "$link" != "$name-$number-link" ] || printf '%s\n' "$number" ;;
    esac
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
    [ "$own_uid" = 0 ]
}

state_directory() { # where deployments are recorded: only the deploying user can write there, and a reboot keeps it
    if root; then
        printf '%s\n' /var/lib/nix.fleet
    else
        printf '%s\n' "${XDG_STATE_HOME:-$HOME/.local/state}/nix.fleet"
    fi
}
