# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# How a deployment ends: what is written for the controller, for the journal and for the next deployment.

outcome='' refusal='' seconds='' warnings='' failure_reported=no loader_failed=no back_meaning='' first_cause=''

outcome_refuse() { # end without having touched anything; $1 says why, $2 what to do, $3 is the code of the error if it has one
    advice=${2:-} refusal=${3:-}
    outcome_leave refused "$1"
}

outcome_leave() { # end with outcome $1 without having touched anything; $2 says why
    cause=$2
    # With a record and without an outcome, it would pass for interrupted.
    rm -f ./recorded
    current_observe
    outcome_remove_files
    outcome_write "$1"
    lock_release
    exit 0
}

outcome_finish() { # end with outcome $1
    # First of all the room that was kept for what follows.
    run_free_reserve
    outcome=$1
    clock_read
    seconds=${start:+$((clock - start))}
    current_observe
    state_make
    outcome_note_whole
    if [ "$outcome" = rollback_failed ]; then
        # Tried again, and still not back: that has been told.
        [ "$failure_reported" = yes ] || outcome_tell
        # For whoever comes: the machine is brought back until somebody does.
        phase=free
        [ -n "$lock_for" ] || lock_hand_over "$own_process"
        exit 3
    fi
    outcome_tell || outcome_forget_record || outcome_keep_beside_profile
    outcome_remove_files
    run_find_mark
    if [ "$marked" = "$id" ] && outcome_gives_way; then
        run_mark "$recorded_marked"
    fi
    outcome_remove_other_runs
    lock_release
    exit 0
}

outcome_tell() { # fails when whoever comes after a reboot would not find it
    journal_write || outcome_warn 'the journal could not be written'
    outcome_write "$outcome" || return
    [ ! -L "$profile.fleet-$id" ] || rm -f "$profile.fleet-$id"
}

outcome_warn() { # of $1
    case $outcome in
        activated | confirmed) warnings="$warnings${warnings:+$newline}$1" ;;
        *) cause="$cause; $1" ;;
    esac
}

outcome_forget_record() { # what has an end and cannot say so must not pass for interrupted ever after
    [ "$state" != /dev/null ] && { rm -f ./recorded && path_flush .; } 2>/dev/null
}

outcome_keep_beside_profile() {
    ln -s "$outcome $status" "$profile.fleet-$id"
    path_flush "${profile%/*}"
}

# Where there was no other system to return to, what is left may be what nobody has confirmed of the one before.
outcome_gives_way() { # whether this deployment leaves it to the one before it to bring the machine back
    case $outcome:$going_back in
        rolled_back:* | failed:yes) ;;
        # What was not to be gone back from may have changed nothing, and then all that the one before owes is still to be done.
        failed:no) [ "$running_now" = "$recorded_running" ] && [ "$default_now" = "$recorded_default" ] ;;
        *) return 1 ;;
    esac
}

outcome_remove_files() { # what is of no use any more; the program may hold, and the settings are, what is secret
    outcome_forget "$id" ./closure ./before ./default ./boots ./worker ./settings ./default-touched
    platform_unwatch_boot "$id"
    run_free_reserve
    # Whoever comes late to finish this finds nothing to do.
    { true >./program; } 2>/dev/null
}

# What is in memory of deployment $1, and the files $2…: first what tells that it has begun, and the record last. What is cut off from here on
# must not pass for interrupted.
outcome_forget() {
    outcome_id=$1
    shift
    rm -rf "$live/${outcome_id:?}" "$live/program-$outcome_id" "$live/touched-$outcome_id" "$live/step-$outcome_id" \
        "$live/reason-$outcome_id" "$live/before-$outcome_id" "$live/kept-$outcome_id" "$@"
}

outcome_is_still_owed() { # whether the deployment of directory $1 is to bring the machine back, also after this one
    ! run_is_to_go_back "$1" || return 0
    # Of an earlier boot, no mark tells whose place this one takes.
    run_is_not_back "$1" && run_is_of_earlier_boot "$1" || return
    outcome_gives_way || [ "$(record_field recorded_profile "$1/recorded")" != "$profile" ]
}

outcome_remove_other_runs() { # those that have ended, and those that never touched anything and never will
    [ -d "$state" ] || return 0 # of others, nothing can be known
    for directory in "$state"/runs/*; do
        if [ "$directory" = "$run" ] || outcome_is_still_owed "$directory"; then
            continue
        fi
        if run_find_outcome "$directory" || run_is_abandoned "$directory"; then
            other=${directory##*/}
            outcome_forget "$other" "$directory/recorded"
            rm -rf "$directory"
            platform_unwatch_boot "$other"
        fi
    done
    # What was written into memory goes with the directory that it stood in for: without it, that would pass for interrupted.
    for file in "$live"/outcome-* "$live"/log-* "$live"/reason-* "$live"/run-*; do
        other=${file##*/}
        other=${other#*-}
        [ "$other" = "$id" ] || [ ! -e "$file" ] || [ -d "$state/runs/$other" ] || rm -rf "$file"
    done
}

# Remember whether the profile's closure was left half active: then the next deployment of the same is not "unchanged".
outcome_note_whole() {
    outcome_meaning=$status
    [ "$outcome" != rolled_back ] || outcome_meaning=$back_meaning
    case $outcome:$outcome_meaning in
        # Nothing was activated again: what runs is as whole as it was.
        superseded:* | rolled_back:) return ;;
        confirmed:active | confirmed:reboot | activated:active | activated:reboot | activated: | rolled_back:active)
            [ -e "$state/half_active" ] || return 0
            path_remove_line "$state/half_active" "$profile"
            ;;
        *)
            path_find_other_lines "$state/half_active" "$profile" &&
                path_write "$state/half_active" "$profile${path_lines:+$newline$path_lines}"
            ;;
    esac 2>/dev/null || outcome_warn "$state/half_active could not be written"
    [ -s "$state/half_active" ] || rm -f "$state/half_active"
}

outcome_print() { # outcome $1, and what was observed
    say outcome "$1"
    [ -z "$refusal" ] || say code "$refusal"
    say cause "$cause"
    [ -z "$first_cause" ] || say first_cause "$first_cause"
    say advice "$advice"
    say seconds "$seconds"
    say exit_code "$code"
    say status "$status"
    [ "$loader_failed" = no ] || say loader_failed yes
    say units_failed "$units"
    say closure "$closure"
    say previous_generation "$recorded_generation"
    say previous_closure "$recorded_default"
    say previous_running "$recorded_running"
    current_say
    [ -z "$journal_entry" ] || say entry "$journal_entry"
    [ -z "$warnings" ] || printf '%s\n' "$warnings" | sed 's/^/warning=/'
    [ -z "$step_log" ] || printf '%s\n' "$step_log" | sed 's/^/step_log=/'
}

# $1: into the run's directory; where the activation has mounted something over that, also into the one that is found there
# afterwards; where neither can be written, into memory, and this fails. What was told before is there until something takes its
# place.
outcome_write() {
    outcome_text=$(outcome_print "$1")
    path_write ./outcome "$outcome_text" 2>/dev/null
    if outcome_is_written || outcome_is_written_anew; then
        rm -f "$live/outcome-$id"
        return
    fi
    # Not even there may be room for all of it.
    [ "$live" = "$state" ] || ! path_write "$live/outcome-$id" "$outcome_text" 2>/dev/null || rm -f "$run/outcome"
    return 1
}

outcome_is_written_anew() {
    [ -L "$run/boot" ] ||
        (umask 077 && mkdir -p "$run" && ln -s "boot $this_boot" "$run/boot" && cp "$log" "$run/log") 2>/dev/null
    path_write "$run/outcome" "$outcome_text" 2>/dev/null
    outcome_is_written
}

outcome_is_written() { # whether $outcome_text is what the next one finds
    [ "$(cat "$run/outcome" 2>/dev/null)" = "$outcome_text" ]
}
