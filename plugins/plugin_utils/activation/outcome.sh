# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# How a deployment ends: what is written for the controller, for the journal and for the next deployment.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

refuse() { # end without having touched anything; $1 says why, $2 what to do
    advice=${2:-}
    leave refused "$1"
}

leave() { # end with outcome $1 without having touched anything; $2 says why
    cause=$2
    observe
    rm -f "$run/reserve" "$run/closure" "$run/before" "$run/awaiting.new"
    write_outcome "$1"
    empty_program
    release_lock
    exit 0
}

finish() { # end with outcome $1
    # First of all the room that was kept for what follows.
    rm -f "$run/reserve" "$run/closure" "$run/before" "$run/awaiting.new"
    outcome=$1
    read_clock
    seconds=${start:+$((clock - start))}
    observe
    generation=$generation_now
    settle
    write_journal || say warning 'the journal could not be written' >>"$run/warnings"
    # What has an end and cannot say so must not pass for interrupted ever after.
    write_outcome "$1" || rm -f "$run/recorded"
    empty_program
    remove_other_runs
    release_lock
    exit 0
}

remove_other_runs() { # those that have ended, and those that never touched anything and never will
    for directory in "$state"/runs/*; do
        case $directory/holder in
            "$run/holder" | "$(readlink "$state/lock")") continue ;;
        esac
        if [ -e "$directory/outcome" ] || abandoned "$directory"; then
            rm -rf "$directory"
        fi
    done
}

empty_program() { # it holds the settings of Nix, which may be secret; whoever comes late to recover finds nothing to do
    # Not `:`, which is the end of the shell where it cannot write.
    true >"$run/program"
}

# Remember whether the profile's closure was left half active: then the next deployment of the same is not "unchanged".
settle() {
    case $outcome:$ending in
        superseded:*) return ;;
        confirmed:active | confirmed:reboot | activated:active | activated:reboot | activated: | rolled_back:*)
            [ -e "$state/unsettled" ] || return 0
            grep -vFx -e "$profile" "$state/unsettled" >"$state/unsettled.new"
            ;;
        *)
            {
                printf '%s\n' "$profile"
                grep -vFx -e "$profile" "$state/unsettled" 2>/dev/null
            } >"$state/unsettled.new"
            ;;
    esac
    mv -f "$state/unsettled.new" "$state/unsettled"
    [ -s "$state/unsettled" ] || rm -f "$state/unsettled"
}

write_outcome() { # $1, and what was observed
    {
        say outcome "$1"
        say cause "$cause"
        say advice "$advice"
        say seconds "$seconds"
        say exit_code "$code"
        say ending "$ending"
        say units_failed "$units"
        say closure "$closure"
        say previous_generation "$recorded_generation"
        say previous_closure "$recorded_default"
        say previous_running "$recorded_running"
        say_now
        [ ! -e "$run/warnings" ] || cat "$run/warnings"
    } >"$run/outcome.new" && put_in_place outcome
}

# Make $run/$1.new, and the other files given, safe from a loss of power, and only then let $1 be the new one.
put_in_place() {
    file=$1
    shift
    flush "$run/$file.new" "$@"
    mv -f "$run/$file.new" "$run/$file" && flush "$run"
}

flush() { # write the files $@ to the disk; where `sync` knows of no files, everything
    sync "$@" 2>/dev/null || sync 2>/dev/null || :
}
