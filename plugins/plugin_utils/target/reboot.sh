# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# A reboot: what restarts the machine, first, since what starts it has it read a variable; the state; the request.

# What reboots the machine, when the connection that asked for it has its answer. It holds the lock of deployments until
# then: none begins in a machine that is about to go down. With the boot that it names, the lock loses its force.

reboot_main() {
    program=$NIX_FLEET_PROGRAM
    unset NIX_FLEET_PROGRAM
    trap '' HUP
    # Whoever could not tell whether it had launched this may have launched it twice; what was killed is begun again.
    if mkdir "$run/begun" 2>/dev/null; then
        reboot_restart &
        wait "$!"
    fi
    reboot_recover
}

reboot_restart() {
    started=$(clock_date)
    process_find_own
    lock_take "$own_process"
    case $? in
        0) ;;
        1) reboot_give_up "a deployment is running: $(lock_holder)" ;;
        *) reboot_give_up "$live cannot be written to" ;;
    esac
    reboot_decide asked || reboot_give_up ''
    [ -z "$message" ] || ! command -v wall >/dev/null || printf '%s\n' "$message" | wall 2>/dev/null
    # The answer is on its way for a moment.
    sleep "$((delay + 1))"
    mkdir "$run/tried"
    if platform_reboot_machine >"$run/said" 2>&1; then
        # From now on, the machine ends this.
        sleep "$timeout"
        reboot_fail 'it was asked to reboot, and has not'
    else
        reboot_fail "the command that reboots it ended with exit code $?: $(tail -n 3 "$run/said" | tr '\n' ' ')"
    fi
}

reboot_recover() { # what was ended from outside before it had the machine reboot
    lock_read
    # One that was launched twice may be at work.
    { [ "$lock_id" != "$id" ] || ! lock_is_held; } && ! platform_leaving || exit 0
    reboot_decide 'it was ended before it had the machine reboot'
    if [ "$(reboot_decision)" = asked ] && [ ! -d "$run/tried" ]; then
        reboot_fail 'what was to reboot the machine was ended before it did'
    fi
    lock_release
}

reboot_give_up() { # before anything has been touched; $1 says why, unless it is known
    [ -z "$1" ] || reboot_decide "$1"
    lock_release
    exit 0
}

reboot_fail() { # $1 says why
    run_free_reserve
    say failed "$1" >"$run/failed"
    lock_release
}

# Whether the machine reboots, and what its state is. Who asked and who was started to do it may each give up waiting for the other,
# and then only one of them is right: a symbolic link, since of several that are made at once just one comes to be.

reboot_decide() { # that the machine reboots (`asked`), or why it does not; fails when it has been decided already
    # On a full disk, by the room that is kept for this.
    ln -s "$1" "$run/decision" 2>/dev/null ||
        { [ ! -L "$run/decision" ] && run_free_reserve && ln -s "$1" "$run/decision" 2>/dev/null; }
}

reboot_decision() {
    readlink "$run/decision" 2>/dev/null
}

# What there is to see of a machine that is to reboot, or has; once it has, the request's files go.
reboot_state() { # $1: the boot id before the reboot
    say boot_id "$(process_boot)"
    say running "$(platform_running)"
    say booted "$(platform_booted)"
    unfinished=$(platform_coming_up)
    say unfinished "$unfinished"
    if [ "$(process_boot)" = "$1" ]; then
        [ ! -e "$run/failed" ] || cat "$run/failed"
    elif [ -z "$unfinished" ]; then
        platform_failed_units | sed 's/^/unit_failed=/'
        lock_release
        # Those of earlier ones too, whose controllers did not come back to see how they ended.
        for directory in "$state"/runs/reboot-*; do
            ! run_is_of_earlier_boot "$directory" || rm -rf "$directory"
        done
    fi
}

# The one script of a reboot's request: validate, or have the machine reboot once this connection has its answer. Sent
# again after a lost connection, it gives the answer that it gave before, even to who asks after the reboot.

reboot_ask() {
    if [ -d "$run" ]; then
        reboot_answer_again
        return
    fi
    current=$(platform_running) default=$(path_closure "$profile")
    # In a check, what is to be the default may not be it yet.
    expected=${closure:-$default}
    answer=$(reboot_describe)
    printf '%s\n' "$answer"
    if { [ "$when" = always ] || [ -n "$(reboot_reasons)" ]; } && ! reboot_validate && [ "$check" = 0 ]; then
        run_claim && reboot_keep_answer && launch run && reboot_say_decision
    fi
}

reboot_answer_again() { # as before, when that has been written
    if run_is_ours; then
        reboot_say_decision
        cat "$run/answer"
    else
        run_refuse_foreign
    fi
}

reboot_describe() {
    say boot_id "$(process_boot)"
    say running "$current"
    say default "$default"
    say expected "$expected"
    reboot_reasons | sed 's/^/reason=/'
}

reboot_reasons() { # what only a reboot brings into use, a line each
    platform_changed_since_boot "$expected"
    # What was only made the default, and neither runs nor was booted.
    if [ "$platform_boot_activates" = yes ] && [ "$expected" = "$default" ] && [ "$default" != "$current" ] &&
        [ "$default" != "$(platform_booted)" ] && ! reboot_specialisation_runs; then
        printf 'system\n'
    fi
}

reboot_specialisation_runs() {
    for path in "$default"/specialisation/*; do
        [ "$(path_resolve "$path")" != "$current" ] || return 0
    done
    return 1
}

reboot_validate() { # fails when there is none
    if [ "$platform_needs_root" = yes ] && ! state_is_root; then
        say_refused "only root reboots a machine, and this is $(id -un)" 'escalate: become, or ansible_become in the inventory'
    elif [ -z "$(process_boot)" ]; then
        say_refused 'this machine does not say which boot it is in, so that a reboot could not be told from none' 'reboot it by hand'
    elif platform_leaving; then
        say_refused 'the machine is shutting down already' 'wait until it is back, then run again'
    elif [ -z "$expected" ]; then
        say_refused "$profile has no generation, so that nothing says what the machine is to come back on" 'deploy first'
    elif [ "$expected" != "$default" ] && [ "$check" = 0 ]; then
        say_refused "the machine would boot $default, and not $expected" 'deploy that system with the goal switch or boot first'
    elif lock_is_held; then
        say_refused "a deployment is running: $(lock_holder)" "$(lock_advice)"
    else
        return 1
    fi
}

reboot_keep_answer() {
    (umask 077 && printf '%s\n' "$answer" >"$run/answer") && return
    run_give_back
    return 1
}

reboot_say_decision() { # of the program, or in its place when it has not come to one in time
    hundredths=0
    until [ -L "$run/decision" ] || [ "$hundredths" -ge 3000 ]; do
        clock_pause
    done
    reboot_decide 'the reboot could not be started'
    case $(reboot_decision) in
        asked) say outcome asked ;;
        *) say_refused "$(reboot_decision)" "$(tail -n 3 "$run/log" 2>/dev/null | tr '\n' ' ')" ;;
    esac
}
