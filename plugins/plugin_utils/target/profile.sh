# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# A profile and its generations.

stands_at=''

profile_read() { # set `target` to the closure of profile $1, and `stands_at` to its generation, or to nothing when it has none
    path_find_closure "$1"
    profile_link=${first_link##*/}
    stands_at=${profile_link#"${1##*/}"-}
    stands_at=${stands_at%-link}
    case $stands_at in
        *[!0-9]*) stands_at='' ;;
    esac
    [ "$profile_link" = "${1##*/}-$stands_at-link" ] || stands_at=''
}

profile_generation() { # print the generation that profile $1 stands at
    profile_read "$1"
    [ -z "$stands_at" ] || printf '%s\n' "$stands_at"
}

profile_generations() ( # print the numbers of profile $1's generations, oldest first
    for link in "$1"-*-link; do
        number=${link#"$1"-}
        number=${number%-link}
        case $number in
            '' | *[!0-9]*) ;;
            *) [ ! -L "$link" ] || printf '%s\n' "$number" ;;
        esac
    done | sort -n
)

profile_generation_before() ( # print the newest of profile $1's generations that is older than number $2
    profile_generations "$1" | while read -r number; do
        [ "$number" -ge "$2" ] || printf '%s\n' "$number"
    done | tail -n 1
)

profile_set() { # profile $1 to closure $2, or back to its generation $3, which has that closure; it is on the disk afterwards
    path_find_closure "$1"
    if [ "$target" = "$2" ]; then
        : # Equal already: a further generation of the same would be one too many to go back over.
    elif [ -n "$3" ]; then
        nix-env --profile "$1" --switch-generation "$3" || return
    else
        nix-env --profile "$1" --set "$2" || return
    fi
    path_flush "${1%/*}"
}
