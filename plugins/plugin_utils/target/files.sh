# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Replaces files, all of them or none: has a service take them, and puts the old ones back where it does not do with the new.
#
# A new file is beside the old one until all of them are valid. The old one stays beside the new until the service is healthy:
# `.NAME.nix.fleet-old`, or `.NAME.nix.fleet-none` where there was none. Whoever finds one of these at the beginning knows
# that a run was interrupted, and that nobody knows whether its files are good. `.NAME.nix.fleet-unread` says that
# the service may have read another file than the one that is there, until it has been told to read that.

files_apply() { # the numbers of the files; see files/engine.py for what else is defined
    numbers=$*
    changed=''
    recovered=no
    locked=''
    # What was begun is finished when the connection is gone. A handler and not `ignore`, which a daemon that is started on the
    # way would inherit.
    trap : HUP INT PIPE TERM
    trap 'files_each files_clean "$locked"' EXIT
    [ "$check" = 1 ] || files_each files_lock "$numbers"
    files_each files_recover "$numbers"
    files_each files_compare "$numbers"
    [ -n "$changed" ] || [ "$recovered" = yes ] || return 0
    [ "$check" = 0 ] || return 0
    files_each files_prepare "$changed"
    tried='' output=''
    files_each files_swap "$changed"
    if ! files_attempt files_test; then
        files_give_up invalid 'the new files are not valid' no
    elif ! files_attempt files_reload; then
        files_give_up rejected 'the service did not accept the new files' yes
    elif ! files_are_healthy; then
        files_give_up unhealthy 'the service is not healthy with the new files' yes
    fi
    files_each files_forget "$numbers"
    answer_say reloaded yes
}

files_each() { # call $1 for each of the numbers $2: number, directory, name, owner, group, mode, letters, absent, secret
    for number in $2; do
        "file_$number" "$1"
    done
}

files_enter() { # make directory $1 the working directory, if what is written there stays where it may
    safety_enter "$1"
    [ "$memory_only" = 0 ] || safety_holds_memory ||
        answer_fail not_in_memory "$directory is not in memory: what is written there stays on a disk" \
            'name a directory on a tmpfs (directory), or accept the disk (deploy_keys_allow_disk)'
}

files_lock() { # so that nobody else replaces the file at the same time
    files_enter "$2"
    [ "$8$missing" != yesyes ] || return 0
    safety_make "$files_mask"
    if ! process_take "./.$3.nix.fleet-lock" 0; then
        holder=$(readlink "./.$3.nix.fleet-lock")
        answer_fail locked "$2/$3 is being replaced by another run (process ${holder%% *})" 'run again when it has ended'
    fi
    locked="$locked $1"
}

files_recover() { # undo what an interrupted run has left
    files_enter "$2"
    [ "$missing" = no ] || return 0
    files_has_old "$3" || [ -e "./.$3.nix.fleet-none" ] || [ -e "./.$3.nix.fleet-unread" ] || return 0
    recovered=yes
    answer_say recovered "$1"
    [ "$check" = 0 ] || return 0
    files_mark_unread "$@"
    files_restore "$@" || answer_fail not_recovered "$2/$3 could not be returned to what it was before a run that was interrupted" \
        "see $2/.$3.nix.fleet-old"
}

files_compare() { # find out how a file differs from what it should be
    files_enter "$2"
    answer_say file "$1 $2/$3"
    [ "$8$missing" != yesyes ] || return 0
    safety_make "$files_mask"
    [ ! -d "./$3" ] || [ -L "./$3" ] ||
        answer_fail is_directory "$2/$3 is a directory" 'remove it, or give the file another name'
    if [ "$8" = yes ]; then
        [ -e "./$3" ] || [ -L "./$3" ] || return 0
        changes=removed
    else
        file_find_owner "$3" "$4" "$5"
        changes=$(file_changes "$1" "$3" "$7") ||
            answer_fail not_compared "$2/$3 cannot be compared" 'check that cmp is on the PATH'
        [ -n "$changes" ] || return 0
        file_check_owner "$3"
        answer_say after "$1 $7 $uid $gid"
    fi
    answer_say changed "$1 $(printf '%s' "$changes" | tr '\n' ' ')"
    changed="$changed $1"
    if [ "$missing" = no ] && [ -f "./$3" ] && [ ! -L "./$3" ]; then
        answer_say before "$1 $(safety_attributes "./$3")"
        [ "$9" = yes ] || [ "$diff" = 0 ] || files_show "$1" "$3"
    fi
}

files_show() { # print what file $2 holds, as octal numbers, which every od knows
    [ "$(wc -c <"./$2")" -le "$shown_bytes" ] || return 0
    od -A n -t o1 -v "./$2" 2>/dev/null | sed "s/^/old=$1 /"
}

files_prepare() { # write a new file beside the old one, and validate it
    [ "$8" = no ] || return 0
    files_enter "$2"
    file_find_owner "$3" "$4" "$5"
    file_stage "$1" "$3" "$6"
    files_attempt "files_validate_$1" "$2/.$3.nix.fleet" && return
    files_log
    answer_fail invalid "$2/$3 is not valid" \
        'correct the data; the old files are where they were, and the service did not see the new ones'
}

files_clean() {
    rm -f "$2/.$3.nix.fleet" "$2/.$3.nix.fleet-copy" "$2/.$3.nix.fleet-lock"
}

files_swap() { # keep the old file, and put the new one in its place
    files_enter "$2"
    output=$(files_keep_old "$3" 2>&1) || files_give_up not_replaced "$2/$3 could not be kept${output:+: $output}" no
    if [ "$8" = yes ]; then
        output=$(rm -f "./$3" 2>&1)
    else
        output=$(file_place "$3" 2>&1)
    fi || files_give_up not_replaced "$2/$3 could not be replaced${output:+: $output}" no
}

files_keep_old() { # keep $1 beside itself, until nobody has to go back to it any more
    if [ -L "./$1" ]; then
        mv -f "./$1" "./.$1.nix.fleet-old"
    elif [ -e "./$1" ]; then
        # Half a copy must never be what is gone back to.
        ln -f "./$1" "./.$1.nix.fleet-old" 2>/dev/null ||
            { cp -p "./$1" "./.$1.nix.fleet-copy" && mv -f "./.$1.nix.fleet-copy" "./.$1.nix.fleet-old"; }
    else
        : >"./.$1.nix.fleet-none"
    fi
}

files_restore() { # put the old file back, if one was kept
    safety_leave
    cd "$2" || return
    if [ -e "./.$3.nix.fleet-none" ]; then
        rm -f "./$3" "./.$3.nix.fleet-none"
    elif files_has_old "$3"; then
        # A run that was cut off before the new file came leaves two names of one file, which mv refuses or leaves alone.
        if [ "$(files_inode "./.$3.nix.fleet-old")" = "$(files_inode "./$3")" ]; then
            rm -f "./.$3.nix.fleet-old"
        else
            mv -f "./.$3.nix.fleet-old" "./$3"
        fi
    fi
}

files_has_old() { # whether the old file of $1 was kept, which may be a link that leads nowhere
    [ -e "./.$1.nix.fleet-old" ] || [ -L "./.$1.nix.fleet-old" ]
}

files_inode() { # two names of one file have the same
    # shellcheck disable=SC2046  # the words of a line
    set -- $(ls -di "$1" 2>/dev/null)
    printf '%s\n' "${1-}"
}

files_restore_or_say() {
    files_restore "$@" || answer_say stuck "$2/$3"
}

files_forget() { # the old file is of no use any more
    rm -f "$2/.$3.nix.fleet-old" "$2/.$3.nix.fleet-none"
    files_mark_read "$@"
}

files_mark_read() { # the service has the file that is there
    rm -f "$2/.$3.nix.fleet-unread"
}

files_mark_unread() { # the service may have another file than the one that is there
    # In a shell of its own, which a full disk ends.
    (: >"$2/.$3.nix.fleet-unread") 2>/dev/null || :
}

files_attempt() { # call a function; keep what it printed in `output`, and how it ended in `code`
    tried=$1
    # In a subshell of its own: without it, bash 5.2 crashes where its program comes on standard input.
    output=$( (
        late=''
        "$@" 2>&1 </dev/null
        code=$?
        [ -z "$late" ] || printf '\nit was ended after %s s\n' "$timeout"
        exit "$code"
    ))
    code=$?
    return "$code"
}

files_are_healthy() { # whether the service gets healthy within the time that it has
    # A process that sleeps for so long, and not the time of day, which may be set while we wait. It stays when nobody listens.
    (trap '' HUP INT PIPE TERM && exec sleep "$within") </dev/null >/dev/null 2>&1 &
    process_find_name "$!"
    deadline=$process_name
    until files_attempt files_health; do
        process_has_name "$deadline" || return 1
        sleep 1
    done
    kill -KILL "${deadline%% *}" 2>/dev/null
    return 0
}

files_log() { # print which command was tried last, its exit code, and the end of its output
    [ -z "$tried" ] || answer_say tried "$tried $code"
    printf '%s\n' "$output" | tail -n 40 | sed 's/^/log=/'
}

files_give_up() { # go back to the old files: $1 the code, $2 why, $3 whether the service has seen the new ones
    answer_say code "$1"
    answer_say cause "$2"
    files_log
    files_each files_restore_or_say "$changed"
    answer_say restored yes
    if [ "$3" = yes ]; then
        files_each files_mark_unread "$changed"
        if files_attempt files_reload && files_are_healthy; then
            answer_say healthy yes
            files_each files_mark_read "$numbers"
        else
            answer_say healthy no
            files_log
        fi
    fi
    exit 1
}

# Where secrets are kept, and what else may be in their directory.

keys_directory() ( # print the usual directory for keys
    if safety_is_root && [ "$(uname -s)" = Linux ]; then
        echo /run/keys
    elif safety_is_root; then
        echo /var/lib/nix.fleet-keys
    elif [ -d "${XDG_RUNTIME_DIR:-/run/user/$(id -u)}" ]; then
        printf '%s/keys\n' "${XDG_RUNTIME_DIR:-/run/user/$(id -u)}"
    else
        printf '%s/nix.fleet/keys\n' "${XDG_STATE_HOME:-$HOME/.local/state}"
    fi
)

keys_mask() { # the owners of keys may pass through their directory, and not list it
    if safety_is_root; then echo 066; else echo 077; fi
}

keys_warn() { # if directory $1 goes when the user logs out
    case $1 in
        /run/user/*) ;;
        *) return 0 ;;
    esac
    if [ -d /run/systemd/system ] && [ ! -e "/var/lib/systemd/linger/$(id -un)" ]; then
        answer_say warning "$1 goes when the last session of $(id -un) ends: loginctl enable-linger"
    fi
}
