# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Waits for a deployment that has begun, whoever began it, and says what has become of it.

follow_limit='' # in hundredths of a second
follow_confirmed='' # `yes` once the supervisor was sent the signal that confirms
follow_seen='' # `awaiting` once it was seen to await a confirmation: it may be killed in the next moment

follow_has_begun() { # whether this deployment has begun already; then wait until it has ended or awaits a confirmation
    if [ -d "$run" ]; then
        if run_is_ours; then follow follow_has_ended_or_awaits; else run_refuse_foreign; fi
    elif follow_is_alive || run_find_outcome "$run" || [ -e "$live/program-$id" ]; then
        # Its directory is hidden by what the activation has mounted.
        follow follow_has_ended_or_awaits
    else
        follow_journal
    fi
}

follow_journal() { # all that is known of a deployment when others have followed it
    [ -e "$state/journal.jsonl" ] || return
    lines=$(grep -F "\"id\":\"$id\"" "$state/journal.jsonl" 2>/dev/null)
    # The last of them, should there be several.
    [ -n "$lines" ] && say journal "${lines##*"$newline"}"
}

follow_is_alive() { # whether this deployment holds the lock, and lives
    lock_is_held && [ "$lock_id" = "$id" ]
}

follow() { # until function $1 says that there is nothing to wait for any more
    waited=0 relaunched=no hundredths=0 next_look=100 follow_seen=''
    # Longer than all that it may do, on the way there and back, with time for each to be ended.
    follow_limit=${follow_limit:-$(((4 * activation_timeout + confirm_timeout + lock_timeout + 60) * 100))}
    until "$1"; do
        clock_pause
        [ "$hundredths" -ge "$next_look" ] || continue
        next_look=$((hundredths + 100))
        if follow_is_alive || follow_waits_for_its_turn; then
            waited=0
            if [ "$hundredths" -ge "$follow_limit" ]; then
                follow_say_no_end
                return
            fi
        elif [ ! -d "$run" ] && [ ! -e "$live/program-$id" ] && [ "$waited" -ge 8 ]; then
            break
        elif [ "$relaunched" = no ] && { [ "$waited" -ge 8 ] || run_is_of_earlier_boot "$run"; }; then
            # Whoever would have finished the work is dead too. The directory may be hidden.
            program=$(cat "$run/program" 2>/dev/null || cat "$live/program-$id")
            launch recover
            waited=0 relaunched=yes
        elif [ "$waited" -lt 8 ]; then
            waited=$((waited + 1))
        else
            ! follow_never_begins || (cd "$run" && outcome_refuse 'it was cut off before it had touched anything')
            break
        fi
    done
    follow_say
}

follow_waits_for_its_turn() { # whether it has begun, and does not hold the lock yet
    [ ! -e "$run/recorded" ] && [ -L "$run/worker" ] && process_has_name "$(readlink "$run/worker")"
}

follow_has_ended_or_awaits() {
    follow_has_ended || follow_awaits
}

follow_has_ended() {
    # It is at an end only when the next may begin.
    run_find_outcome "$run" && ! follow_is_alive
}

follow_awaits() { # whether a supervisor that is alive waits for the confirmation
    follow_is_alive && [ "$lock_phase" = awaiting ] && follow_seen=awaiting
}

follow_never_begins() { # whether a deployment that nobody goes on with has touched nothing, and never will
    # Who makes the directory is the one who begins, should a supervisor start after all.
    [ ! -e "$run/recorded" ] && [ ! -e "$live/$id" ] && { mkdir "$run/begun" 2>/dev/null || run_is_abandoned "$run"; }
}

follow_say() {
    if [ "$follow_seen" = awaiting ]; then
        follow_say_awaiting
    else
        { run_find_outcome "$run" && cat "$outcome_file" 2>/dev/null; } || follow_journal || say outcome unknown
    fi
    for log in "$run/log" "$live/log-$id"; do
        [ ! -e "$log" ] || tail -n 200 "$log" 2>/dev/null | tail -c 60000 | sed 's/^/log=/'
    done
    [ ! -e "$run/log" ] || say log_file "$run/log"
}

follow_say_awaiting() {
    say outcome awaiting
    record_read '' "$(cat "$run/recorded" 2>/dev/null || cat "$live/$id")" closure recorded_generation recorded_default \
        recorded_running
    say closure "$closure"
    say previous_generation "$recorded_generation"
    say previous_closure "$recorded_default"
    say previous_running "$recorded_running"
    current_observe
    current_say
}

follow_say_no_end() {
    say outcome unknown
    say silent yes
    follow_advice="wait for its end, which its journal will tell (nix.fleet.status): deployment $id"
    lock_read
    if [ "$lock_id" != "$id" ]; then
        say cause "the deployment still waits for its turn${lock_id:+: $(lock_cause)}"
        say advice "$follow_advice"
    elif [ "$lock_phase" = awaiting ] || process_is_stopped "$lock_pid"; then
        say cause "the deployment's supervisor (process $lock_pid) lives, and does not answer"
        # The signal that confirms it waits for it.
        say advice "$(lock_silent_advice)${follow_confirmed:+; the confirmation counts when it goes on}"
    else
        say cause "the deployment is still at work (process $lock_pid)"
        say advice "$follow_advice"
    fi
}

# The script that confirms or cancels a deployment, over a connection of its own, and waits for its end. It needs to write
# nothing: the supervisor is told by a signal.

confirm() { # deployment $id: $1 is `confirmed`, or `cancelled` for the reason $2; waits for $3 seconds
    follow_limit=$(($3 * 100))
    if [ -d "$run" ]; then
        if ! run_is_ours; then
            run_refuse_foreign
            return
        fi
    elif ! follow_is_alive && ! run_find_outcome "$run" && [ ! -e "$live/program-$id" ]; then
        follow_journal ||
            say_refused "this machine knows of no deployment $id" 'check the id, and the user: each has a state of its own'
        return
    fi
    if follow_awaits; then
        case $1 in
            confirmed) kill -USR1 "$lock_pid" && follow_confirmed=yes && say confirmation_taken yes ;;
            *)
                { printf '%s\n' "$2" >"$live/reason-$id"; } 2>/dev/null
                kill -USR2 "$lock_pid" && say confirmation_taken yes
                ;;
        esac || say warning 'the supervisor could not be told; the machine goes back when its time is over'
    fi
    # Whatever becomes of it, the end says what the machine has made of it.
    follow follow_has_ended
}
