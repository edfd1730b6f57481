# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Puts files in place, has a service take them, and puts the old ones back where that does no good.
#
# A new file is beside the old one until all of them are valid. The old one stays beside the new until the service is well:
# `.NAME.nix.fleet-old`, or `.NAME.nix.fleet-none` where there was none. Whoever finds one of these at the beginning knows
# that a run was interrupted, and that nobody has seen whether its files are any good. `.NAME.nix.fleet-unread` says that
# the service may have read another file than the one which is there, until it has been made to read that.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

apply() { # the numbers of the files; see program.py for what else is defined
    numbers=$*
    changed=''
    recovered=no
    locked=''
    # What is begun is brought to its end when nobody listens any more. A handler and not `ignore`, which a daemon that is
    # started on the way would inherit.
    trap : HUP INT PIPE TERM
    trap 'each unstage "$locked"' EXIT
    [ "$check" = 1 ] || each lock "$numbers"
    each recover "$numbers"
    each survey "$numbers"
    [ -n "$changed" ] || [ "$recovered" = yes ] || return 0
    [ "$check" = 0 ] || return 0
    each prepare "$changed"
    tried='' output=''
    each swap "$changed"
    if ! attempt try_whole; then
        give_up 'the new files are not valid' no
    elif ! attempt reload; then
        give_up 'the service did not take the new files' yes
    elif ! well; then
        give_up 'the service is not well with the new files' yes
    fi
    each forget "$numbers"
    say reloaded yes
}

each() { # call $1 for each of the numbers $2: number, directory, name, owner, group, mode, letters, absent, secret
    for number in $2; do
        "file_$number" "$1"
    done
}

lock() { # see that nobody else is about to replace a file
    nearest_to "$2"
    [ "$8$missing" != yesyes ] || return 0
    there 022
    if ! process_take "./.$3.nix.fleet-lock" 0; then
        holder=$(readlink "./.$3.nix.fleet-lock")
        refuse "$2/$3 is being replaced by another run (process ${holder%% *})" 'run again when it has ended'
    fi
    locked="$locked $1"
}

recover() { # undo what an interrupted run has left
    nearest_to "$2"
    [ "$missing" = no ] || return 0
    is_kept "$3" || [ -e "./.$3.nix.fleet-none" ] || [ -e "./.$3.nix.fleet-unread" ] || return 0
    recovered=yes
    say recovered "$1"
    [ "$check" = 0 ] || return 0
    unread "$@"
    restore "$@" || refuse "$2/$3 could not be returned to what it was before a run that was interrupted" \
        "see $2/.$3.nix.fleet-old"
}

survey() { # see in what a file is not as it should be
    nearest_to "$2"
    say file "$1 $2/$3"
    [ "$8$missing" != yesyes ] || return 0
    there 022
    [ ! -d "./$3" ] || [ -L "./$3" ] || refuse "$2/$3 is a directory" 'remove it, or give the file another name'
    if [ "$8" = yes ]; then
        [ -e "./$3" ] || [ -L "./$3" ] || return 0
        changes=removed
    else
        accounts "$@"
        changes=$(changes_of "$1" "$3" "$7") || refuse "$2/$3 cannot be compared" 'see that cmp is on the PATH'
        [ -n "$changes" ] || return 0
        may_give "$3"
        say after "$1 $7 $uid $gid"
    fi
    say changed "$1 $(printf '%s' "$changes" | tr '\n' ' ')"
    changed="$changed $1"
    if [ "$missing" = no ] && [ -f "./$3" ] && [ ! -L "./$3" ]; then
        say before "$1 $(standing "./$3")"
        [ "$9" = yes ] || [ "$diff" = 0 ] || show "$1" "$3"
    fi
}

accounts() {
    uid=$(user_id "$4") || refuse "$2/$3: there is no user $4 on this machine" 'correct the name, or deploy the user first'
    gid=$(group_id "$5") || refuse "$2/$3: there is no group $5 on this machine" 'correct the name, or deploy the group first'
}

show() { # what file $2 holds, for eyes: as octal numbers, which every od knows
    [ "$(wc -c <"./$2")" -le "$shown_bytes" ] || return 0
    od -A n -t o1 -v "./$2" 2>/dev/null | sed "s/^/old=$1 /"
}

prepare() { # write a new file beside the old one, and see that it is valid
    [ "$8" = no ] || return 0
    stand_in "$2"
    accounts "$@"
    stage "$1" "$3" "$6"
    attempt "validate_$1" "$2/.$3.nix.fleet" && return
    log
    refuse "$2/$3 is not valid" 'correct the data; the old files are where they were, and the service has seen nothing'
}

unstage() {
    rm -f "$2/.$3.nix.fleet" "$2/.$3.nix.fleet-copy" "$2/.$3.nix.fleet-lock"
}

swap() { # keep the old file, and put the new one in its place
    stand_in "$2"
    output=$(keep "$3" 2>&1) || give_up "$2/$3 could not be kept${output:+: $output}" no
    if [ "$8" = yes ]; then
        output=$(rm -f "./$3" 2>&1)
    else
        output=$(place "$3" 2>&1)
    fi || give_up "$2/$3 could not be replaced${output:+: $output}" no
}

keep() { # $1 beside itself, until nobody has to go back to it any more
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

restore() { # put the old file back, if one was kept
    cd "$2" || return
    if [ -e "./.$3.nix.fleet-none" ]; then
        rm -f "./$3" "./.$3.nix.fleet-none"
    elif is_kept "$3"; then
        # A run that was cut off before the new file came leaves two names of one file, which mv refuses or leaves alone.
        if [ "$(inode "./.$3.nix.fleet-old")" = "$(inode "./$3")" ]; then
            rm -f "./.$3.nix.fleet-old"
        else
            mv -f "./.$3.nix.fleet-old" "./$3"
        fi
    fi
}

is_kept() { # whether the old file is, be it a link that leads nowhere
    [ -e "./.$1.nix.fleet-old" ] || [ -L "./.$1.nix.fleet-old" ]
}

inode() { # by which two names of one file are told
    # shellcheck disable=SC2046  # the words of a line
    set -- $(ls -di "$1" 2>/dev/null)
    printf '%s\n' "${1-}"
}

restore_or_say() {
    restore "$@" || say stuck "$2/$3"
}

forget() { # the old file is of no use any more
    rm -f "$2/.$3.nix.fleet-old" "$2/.$3.nix.fleet-none"
    read_again "$@"
}

read_again() { # the service has the file that is there
    rm -f "$2/.$3.nix.fleet-unread"
}

unread() { # the service may have another file than the one that is there
    # In a shell of its own, which a full disk ends.
    (: >"$2/.$3.nix.fleet-unread") 2>/dev/null || :
}

attempt() { # call a function and keep what it printed, and how it ended
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

well() { # whether the service is, within the time that it has
    # A process that sleeps for so long, and not the time of day, which may be set while we wait. It stays when nobody listens.
    (trap '' HUP INT PIPE TERM && exec sleep "$within") </dev/null >/dev/null 2>&1 &
    process_find_name "$!"
    deadline=$process_name
    until attempt health; do
        process_has_name "$deadline" || return 1
        sleep 1
    done
    kill -KILL "${deadline%% *}" 2>/dev/null
    return 0
}

log() { # which command was tried last, its exit code, and the end of what it printed
    [ -z "$tried" ] || say tried "$tried $code"
    printf '%s\n' "$output" | tail -n 40 | sed 's/^/log=/'
}

give_up() { # go back to the old files: $1 why, $2 whether the service is to take them, which has seen the new ones
    say cause "$1"
    log
    each restore_or_say "$changed"
    say restored yes
    if [ "$2" = yes ]; then
        each unread "$changed"
        if attempt reload && well; then
            say well yes
            each read_again "$numbers"
        else
            say well no
            log
        fi
    fi
    exit 1
}
