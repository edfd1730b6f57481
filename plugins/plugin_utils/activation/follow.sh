# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Waits for a deployment that has begun, whoever began it, and says what has become of it.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

begun_already() { # whether this deployment has begun already; then wait until it has ended or awaits a verdict
    if [ ! -d "$run" ]; then
        from_journal
    elif all_ours; then
        follow ended_or_awaiting
    else
        decline_foreign
    fi
}

from_journal() { # all that is known of a deployment when others have followed it
    [ -e "$state/journal.jsonl" ] || return
    lines=$(grep -F "\"id\":\"$id\"" "$state/journal.jsonl" 2>/dev/null)
    # The last of them, should there be several.
    [ -n "$lines" ] && say journal "${lines##*
}"
}

follow() { # until function $1 says that there is nothing to wait for any more
    waited=0 relaunched=no hundredths=0 next_look=100
    until "$1" || [ ! -d "$run" ]; do
        pause
        [ "$hundredths" -ge "$next_look" ] || continue
        next_look=$((hundredths + 100))
        if holder_alive "$run/holder"; then
            waited=0
        elif [ "$relaunched" = no ] && { [ "$waited" -ge 8 ] || made_before_this_boot "$run"; }; then
            # Whoever would have finished the work is dead too.
            launch recover
            waited=0 relaunched=yes
        elif [ "$waited" -lt 8 ]; then
            waited=$((waited + 1))
        else
            ! never_to_begin || (refuse 'it was cut off before it had touched anything')
            break
        fi
    done
    say_what_became
}

ended_or_awaiting() {
    ended || awaiting
}

ended() {
    [ -e "$run/outcome" ] && [ "$(readlink "$state/lock" 2>/dev/null)" != "$run/holder" ]
}

never_to_begin() { # whether a deployment that nobody goes on with has touched nothing, and never will
    # Who makes the directory is the one who begins, should a supervisor start after all.
    [ ! -e "$run/recorded" ] && { mkdir "$run/begun" 2>/dev/null || abandoned "$run"; }
}

say_what_became() {
    if awaiting; then
        say_awaiting
    else
        cat "$run/outcome" 2>/dev/null || from_journal || say outcome unknown
    fi
    if [ -e "$run/entry" ]; then
        line=''
        IFS= read -r line <"$run/entry"
        say entry "$line"
    fi
    tail -n 200 "$run/log" 2>/dev/null | tail -c 60000 | sed 's/^/log=/'
}

say_awaiting() {
    say outcome awaiting
    read_fields "$run/recorded" closure recorded_generation recorded_default recorded_running
    say closure "$closure"
    say previous_generation "$recorded_generation"
    say previous_closure "$recorded_default"
    say previous_running "$recorded_running"
    say_standing
}
