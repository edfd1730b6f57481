# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
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
        say_refused "a deployment is running: $(lock_holder)" "$lock_wait_for_it"
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
