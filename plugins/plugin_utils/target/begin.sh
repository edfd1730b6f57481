# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# The one script of a deployment's round trip: look, refuse or begin, and wait for the end. Sent again after a lost
# connection, it finds the deployment that it began and waits on.

begin() { # $1: the functions of the program, $2: the request; $3: Nix's settings
    nix_config=$3
    request_use_settings "$nix_config"
    follow_has_begun && return
    rollback_find_closure
    if [ $? = 1 ]; then
        say_refused "$missing" "$remedy"
        return
    fi
    if ! preconditions_hold; then
        say_refused "$cause" "$advice"
        return
    fi
    follow_has_begun && return # by the same script on another connection, in this moment
    say closure "$closure"
    lock_await begin_has_turn
    begin_turn=$?
    # By the same script on another connection, which may have lost its own.
    [ -d "$run" ] && follow_has_begun && return
    if [ "$begin_turn" != 0 ]; then
        say_refused "$(lock_cause)" "$(lock_advice); it is waited for as long as deploy_lock_timeout says" locked
    elif [ "$goal" = dry-activate ]; then
        current_observe
        current_answer unchanged
        [ ! -e "$closure" ] || begin_dry_run
    # Somebody still tries to bring the machine back.
    elif ! lock_is_of_same_profile_and_free && current_is_up_to_date; then
        current_answer unchanged
        say cause "${missing:-}"
        [ -z "$missing_code" ] || say code "$missing_code"
        journal_note_unchanged
    elif [ "$check" = 1 ]; then
        begin_predict
    elif platform_leaving; then
        say_refused 'the machine is shutting down' 'wait until it is back, then run again'
    else
        # It travels in the environment, and what any process's environment names Nix takes for being in use: it would delete
        # nothing of a closure that is damaged. See `request_read`.
        case $2 in
            *"closure=$store/"*) set -- "$1" "${2%%"closure=$store/"*}closure=$store//${2#*"closure=$store/"}" "$3" ;;
        esac
        # Whose it is, is asked once: what an activation has left may answer no more.
        program="$1${newline}own_uid=$own_uid$newline$2${newline}supervisor_main \"\$@\""
        if run_claim; then
            launch run
            follow follow_has_ended_or_awaits
        else
            follow_has_begun # what another connection has claimed in this moment
        fi
    fi
}

# Who only tries to bring the machine back may take the lock again at once: that is the supervisor's to wait for.
begin_has_turn() { # whether nobody holds it, or this deployment has begun on another connection
    [ ! -d "$run" ] && lock_is_held || return 0
    # Who is left alone finds out by this, and ends.
    echo
    return 1
}

begin_dry_run() {
    if [ "$platform_needs_root" = yes ] && ! state_is_root; then
        echo 'log=what would be started, stopped and restarted is told to root alone: escalate to see it'
        return
    fi
    request_find_activated
    output=$(platform_dry_activate "$activated" 2>&1)
    code=$?
    say exit_code "$code"
    if [ "$code" != 0 ] && [ "$goal" = dry-activate ]; then
        advice=$(printf '%s\n' "$output" | platform_failure_advice)
        say_refused "the dry run ended with exit code $code$(printf '%s\n' "$output" | deployment_failure_named "$code")" \
            "${advice:-correct what it says, and run it again}" dry_run
    fi
    printf '%s\n' "$output" | tail -n 200 | sed 's/^/log=/'
}

begin_predict() { # check mode: what would come of it
    if [ -e "$closure" ] && [ "$goal" != boot ] && [ "$no_check" = 0 ] && state_is_root &&
        ! output=$(platform_check "$activated" 2>&1) && ! printf '%s\n' "$output" | platform_words_are_of_lock; then
        deployment_find_refusal "$output"
        say_refused "$cause" "$advice"
        printf '%s\n' "$output" | tail -n 200 | sed 's/^/log=/'
        return
    fi
    current_observe
    current_answer activated
    if [ "$platform_dry_run_writes" = yes ]; then
        platform_unchecked | sed 's/^/log=/'
        [ ! -e "$closure" ] || platform_predicted "$activated" | sed 's/^/warning=/'
    elif [ -e "$closure" ]; then
        begin_dry_run
    else
        echo 'log=restarts are known once the host has the closure (--skip-tags activate)'
    fi
}
