# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Files, links and store paths. A process costs a small machine more than all that most of this does, and `$(…)` is one. So
# what is asked for often sets a variable (`…_find_…`), and only where that would be cumbersome there is a form that prints.

store=${NIX_STORE_DIR:-/nix/store}
resolved='' first_link='' target=''
path_system_file='' # of a platform's systems, by which the one that deploy-rs has wrapped in a package of links is found

# Set `resolved` to path $1 with symbolic links at its end followed, and `first_link` to what the first of them says.
# `readlink -f` is missing on older macOS.
path_follow() {
    resolved=$1 first_link=''
    path_hops=0
    while [ -L "$resolved" ] && [ "$path_hops" -lt 40 ]; do
        path_link=$(readlink "$resolved")
        # One that was killed has said nothing, and what is recorded for the way back would be that there is nothing.
        [ -n "$path_link" ] || path_link=$(readlink "$resolved")
        [ "$path_hops" -gt 0 ] || first_link=$path_link
        case $path_link in
            /*) resolved=$path_link ;;
            *) resolved=${resolved%/*}/$path_link ;;
        esac
        path_hops=$((path_hops + 1))
    done
}

path_resolve() { # print what path $1 leads to
    path_follow "$1"
    printf '%s\n' "$resolved"
}

path_find_closure() { # set `target` to the store path that $1 leads to, or to nothing, and `first_link` as path_follow does
    path_follow "$1"
    target=''
    case $resolved in
        *[!A-Za-z0-9+._?=/-]*) ;;
        "$store"/?*) target=$resolved ;;
    esac
    case $target in
        "$store"/*-activatable-*) [ -z "$path_system_file" ] || path_unwrap ;;
    esac
}

# deploy-rs sets a package of links beside which its own program is, and what it activates makes the bare system current.
path_unwrap() {
    [ -L "$target/$path_system_file" ] || return 0
    path_wrapped_link=$first_link
    path_follow "$target/$path_system_file"
    first_link=$path_wrapped_link resolved=${resolved%/*}
    target=$resolved
}

path_closure() { # print the store path that $1 leads to
    path_find_closure "$1"
    [ -z "$target" ] || printf '%s\n' "$target"
}

path_flush() { # write the files $@ to the disk; where `sync` knows of no files, everything
    sync "$@" 2>/dev/null || sync 2>/dev/null || :
}

path_rename() { # file $1 to $2. What leads to a directory, mv would move it into, unless it is told otherwise: by GNU and busybox, or by BSD
    if [ -d "$2" ]; then { mv -fT "$1" "$2" || mv -fh "$1" "$2"; } 2>/dev/null; else mv -f "$1" "$2"; fi
}

# Have $1.fleet take the place of file $1 if $2… finds it whole, on the disk before and after; or leave that file as it was. What has
# written it does not tell: it may have been killed, or say that it failed where it did not.
path_replace() {
    path_file=$1
    shift
    "$@" && path_flush "$path_file.fleet" && path_rename "$path_file.fleet" "$path_file" && path_flush "${path_file%/*}" && return
    rm -f "$path_file.fleet"
    return 1
}

path_copy() { # file or link $1 as file $2, whose it is and who may read it too; or leave that as it was
    cp -pP "$1" "$2.fleet"
    path_replace "$2" path_is_copy "$1" "$2.fleet"
}

path_is_copy() { # whether file or link $2 is all that $1 is
    if [ -L "$1" ] || [ -L "$2" ]; then [ "$(readlink "$1")" = "$(readlink "$2")" ] && return; fi
    cmp -s "$1" "$2" && path_have_same_rights "$1" "$2"
}

path_have_same_rights() { # whether files $1 and $2 are the same user's and group's, who may do the same with them
    # shellcheck disable=SC2012  # what comes before the names is what is wanted
    ls -ldn "$1" "$2" | {
        read -r path_mode _ path_owner path_group _ && read -r path_mode_2 _ path_owner_2 path_group_2 _ &&
            # After nine letters, a system may say that there is more to it.
            [ "${path_mode%[+.@]} $path_owner $path_group" = "${path_mode_2%[+.@]} $path_owner_2 $path_group_2" ]
    }
}

path_write() { # text $2 as file $1; or leave that as it was
    path_text=${2:+$2$newline}
    { printf '%s' "$path_text" >"$1.fleet"; } 2>/dev/null
    path_replace "$1" path_holds "$1.fleet" "$path_text"
}

path_holds() { # whether file $1 has text $2 and no other
    [ "$(cat "$1" 2>/dev/null && echo .)" = "$2." ]
}

path_remove_line() { # $2 from file $1; or leave that as it was
    path_find_other_lines "$1" "$2" && path_write "$1" "$path_lines"
}

path_find_other_lines() { # set `path_lines` to those of file $1 that are not $2
    path_lines=''
    [ ! -e "$1" ] || path_lines=$(grep -vxF -e "$2" "$1" 2>/dev/null) || [ $? = 1 ]
}

# Put into PATH, first of all, where its directories lead to now: an activation changes what the links in them lead to, and the
# way back must find the programs that it began with. Whoever calls this is elsewhere afterwards.
path_pin() {
    path_rest=$PATH: path_pinned=''
    while [ -n "$path_rest" ]; do
        path_directory=${path_rest%%:*}
        path_rest=${path_rest#*:}
        case $path_directory in /*) CDPATH='' cd -P -- "$path_directory" 2>/dev/null ;; *) false ;; esac || continue
        case :$path_pinned in
            *":$PWD:"*) ;;
            *) path_pinned=$path_pinned$PWD: ;;
        esac
    done
    case $PATH: in
        "$path_pinned"*) ;; # The environment of who goes on again and again must not grow.
        *) PATH=$path_pinned$PATH ;;
    esac
}

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
