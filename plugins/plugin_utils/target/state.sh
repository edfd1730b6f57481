# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Deployments and reboots that this machine knows of: a directory each, and which of them acted last.

run='' id='' program='' nix_config='' mark='' marked=''

# What a shell is given that is to be the program in its environment, where no other user sees it.
# shellcheck disable=SC2016  # expanded by that shell
run_program='eval "$NIX_FLEET_PROGRAM"'

state_find_run() { # set `run` to the directory of deployment $id too
    state_find
    run=$state/runs/$id
}

state_make() { # where an activation has mounted something new in its place; what it lies in is others' as well
    [ -d "$state" ] || { (umask 022 && mkdir -p "${state%/*}") && mkdir -m 700 "$state"; } 2>/dev/null || :
}

say_refused() { # answer that nothing has been touched: $1 why, $2 what to do, $3 the code of the error if it has one
    say outcome refused
    [ -z "${3:-}" ] || say code "$3"
    say cause "$1"
    say advice "$2"
}

# The directory of a deployment or a reboot is made by whoever is to begin it, and is believed only where nobody else can
# have put anything: a program lies there that others run, perhaps as root.
run_claim() ( # make $run, with $program in it; when that fails, refuse, unless $run has been made before
    umask 077
    if ! { mkdir -p "$state/runs" "$live" && chmod 700 "$state" "$live" && mkdir "$run"; }; then
        # The same script on another connection may have been faster, and then the directory is that one's.
        [ -d "$run" ] || run_refuse_unwritable
        exit 1
    fi
    if ! run_is_ours; then
        rmdir "$run"
        run_refuse_foreign
        exit 1
    fi
    process_find_boot
    # A link, since one is never half written.
    ln -s "boot $this_boot" "$run/boot" &&
        printf '%s\n' "$program" >"$run/program" &&
        { [ -z "$nix_config" ] || printf '%s\n' "$nix_config" >"$run/settings"; } &&
        run_reserve && exit
    run_give_back
    exit 1
)

run_reserve() { # room for what is written in the end, should the disk fill up: for contents, and for new files
    printf '%65536s' '' >"$run/reserve" && true >"$run/reserve-2" && true >"$run/reserve-3" && true >"$run/reserve-4"
}

run_free_reserve() {
    rm -f "$run/reserve" "$run/reserve-2" "$run/reserve-3" "$run/reserve-4"
}

run_give_back() { # what has been claimed and cannot be filled
    rm -rf "$run"
    run_refuse_unwritable
}

run_is_ours() { # whether what leads to $run and to all other programs belongs to us
    # shellcheck disable=SC3067  # POSIX has no -O, but every sh does; of links and of who made them it says nothing
    [ -O "$run" ] && run_have_one_owner "$state" "$state/." "$state/runs" "$state/runs/." "$state"/runs/*
}

run_have_one_owner() { # whether the files $@ belong to one and the same user
    # `find -printf` and `stat` are not everywhere; a name that breaks the line is not ours.
    # No here-document: some shells make a file of it, and there may be no room for one.
    run_listing=$(ls -ldn "$@")$newline
    run_owner=''
    while [ -n "$run_listing" ]; do
        # shellcheck disable=SC2086  # fields are what is wanted
        set -- ${run_listing%%"$newline"*}
        run_listing=${run_listing#*"$newline"}
        run_owner=${run_owner:-${3:-}}
        [ -n "${3:-}" ] && [ "$3" = "$run_owner" ] || return
    done
}

run_refuse_foreign() {
    say_refused "$state, or something in it, belongs to another user" "see what it is (ls -ln $state), and remove it"
}

run_refuse_unwritable() {
    say_refused "$run cannot be written" 'check the free space and the permissions of the file system'
}

# Set `outcome_file` to the file that tells how the deployment of directory $1 ended, or fail: what is in memory is the newer. Where there
# was no room, one may be empty.
run_find_outcome() {
    outcome_file=$live/outcome-${1##*/}
    [ ! -s "$outcome_file" ] || return 0
    outcome_file=$1/outcome
    [ -s "$outcome_file" ]
}

run_is_interrupted() { # whether the deployment of directory $1 began to change the machine and never came to an end
    [ -e "$1/recorded" ] && ! run_find_outcome "$1"
}

# Of the deployments of a profile in this boot, the last one that has touched anything is the one to bring the machine back. One
# that has gone back leaves that to the one before it: what it has gone back to may be what nobody has confirmed.
run_find_mark() { # set `mark` to the link that says who is the last, and `marked` to its deployment
    mark=$live/acting- run_rest=$profile/
    while [ -n "$run_rest" ]; do
        mark=$mark${run_rest%%/*}_ run_rest=${run_rest#*/}
    done
    mark=${mark%_}
    process_find_boot
    marked=$(readlink "$mark" 2>/dev/null)
    case $marked in
        *" $this_boot") marked=${marked%% *} ;;
        *) marked='' ;;
    esac
}

run_mark() { # deployment $1 as the last
    run_find_mark
    rm -f "$mark.$id"
    if [ -n "$1" ]; then
        ln -s "$1 $this_boot" "$mark.$id" && mv -f "$mark.$id" "$mark"
    else
        rm -f "$mark"
    fi
}

run_is_not_back() { # whether the deployment of directory $1 has told so
    run_find_outcome "$1" && [ "$(record_field outcome "$outcome_file")" = rollback_failed ]
}

run_is_to_go_back() { # whether the deployment of directory $1 is still to bring the machine back
    run_is_not_back "$1" || return
    process_find_boot
    for run_link in "$live"/acting-*; do
        [ "$(readlink "$run_link" 2>/dev/null)" != "${1##*/} $this_boot" ] || return 0
    done
    return 1
}

run_is_left() { # whether it is, or was when the machine was booted, and nobody tries to
    run_is_to_go_back "$1" || { run_is_not_back "$1" && run_is_of_earlier_boot "$1"; } || return
    ! process_has_name "$(readlink "$1/worker" 2>/dev/null)"
}

runs_interrupted() { # print the directories of those
    for directory in "$state"/runs/*; do
        ! run_is_interrupted "$directory" || printf '%s\n' "$directory"
    done
}

runs_none_interrupted() {
    for directory in "$state"/runs/*; do
        ! run_is_interrupted "$directory" || return
    done
    for file in "$live"/program-*; do
        ! run_is_hidden "$file" || return
    done
}

run_is_hidden() { # whether the deployment whose program is kept in memory as $1 has its directory hidden by what is mounted there
    hidden=${1##*/program-}
    [ -s "$1" ] && [ -s "$live/$hidden" ] && [ ! -e "$state/runs/$hidden/program" ]
}

# Whole or not at all: one that is found with a part of its program would pass for finished. As long as it has no program, it is
# hidden, so that comes last.
runs_uncover() { # give those a directory again, by which they are found as all others; fails where there is no room
    process_find_boot
    for file in "$live"/program-*; do
        ! run_is_hidden "$file" || (
            umask 077
            mkdir -p "$state/runs/$hidden" && cd "$state/runs/$hidden" && cp "$live/$hidden" ./recorded.new &&
                cp "$file" ./program.new && ln -sf "boot $this_boot" ./boot && mv -f ./recorded.new ./recorded &&
                mv -f ./program.new ./program
        ) 2>/dev/null || return
    done
}

run_is_of_earlier_boot() { # whether directory $1 was claimed in an earlier boot
    process_find_boot
    [ -L "$1/boot" ] && [ "$(readlink "$1/boot")" != "boot $this_boot" ]
}

run_is_abandoned() { # whether the deployment of directory $1 got as far as no record of the machine, and nobody goes on with it
    [ ! -e "$1/recorded" ] || return
    if [ -L "$1/worker" ]; then
        ! process_has_name "$(readlink "$1/worker")"
    else
        # In this boot, its supervisor may be about to start.
        run_is_of_earlier_boot "$1"
    fi
}
