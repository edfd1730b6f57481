# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# The one script of a reboot's request: look, refuse, or have the machine reboot once this connection has its answer. Sent
# again after a lost connection, it gives the answer that it gave before, even to who asks after the reboot.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

ask() {
    shell=$(command -v sh)
    if [ -d "$run" ]; then
        cat "$run/answer"
        outcome_of_request
        return
    fi
    current=$(running) default=$(closure_of "$profile")
    # In a check, what is to be the default may not be it yet.
    expected=${closure:-$default}
    answer=$(describe)
    printf '%s\n' "$answer"
    if { [ "$when" = always ] || [ -n "$(reasons)" ]; } && ! obstacle && [ "$check" = 0 ]; then
        write_request && launch_restart && outcome_of_request
    fi
}

describe() {
    say boot_id "$(boot_id)"
    say running "$current"
    say default "$default"
    say expected "$expected"
    reasons | sed 's/^/reason=/'
}

reasons() { # what only a reboot brings into use, a line each
    changed_since_boot "$expected"
    # What was only made the default, and neither runs nor was booted.
    if [ "$boot_activates" = yes ] && [ "$expected" = "$default" ] && [ "$default" != "$current" ] &&
        [ "$default" != "$(booted)" ] && ! specialisation_runs; then
        printf 'system\n'
    fi
}

specialisation_runs() {
    for path in "$default"/specialisation/*; do
        [ "$(resolve "$path")" != "$current" ] || return 0
    done
    return 1
}

obstacle() { # fails when there is none
    if [ "$needs_root" = yes ] && ! root; then
        decline "only root reboots a machine, and this is $(id -un)" 'escalate: become, or ansible_become in the inventory'
    elif [ -z "$(boot_id)" ]; then
        decline 'this machine does not say which boot it is in, so that a reboot could not be told from none' 'reboot it by hand'
    elif leaving; then
        decline 'the machine is shutting down already' 'wait until it is back, then run again'
    elif [ -z "$expected" ]; then
        decline "$profile has no generation, so that nothing says what the machine is to come back on" 'deploy first'
    elif [ "$expected" != "$default" ] && [ "$check" = 0 ]; then
        decline "the machine would boot $default, and not $expected" 'deploy that system with the goal switch or boot first'
    elif [ -e "$state/lock" ] && holder_alive "$state/lock"; then
        decline "a deployment is running: $(holder_text "$state/lock")" 'wait for it to end, then run again'
    else
        return 1
    fi
}

decline() { # $1 why, $2 what to do
    say refused "$1"
    say advice "$2"
}

write_request() {
    (
        umask 077
        mkdir -p "$state/runs" && chmod 700 "$state" && mkdir "$run" &&
            printf '%s\n' "$answer" >"$run/answer" && write_program >"$run/program"
    ) && return
    decline "$run cannot be written" 'check the free space and the permissions of the file system'
    return 1
}

launch_restart() { # where neither the end of this connection nor that of the escalation reaches it
    if [ -d /run/systemd/system ]; then
        systemd-run --quiet --collect --no-ask-password --service-type=exec --unit="nix-fleet-$id" \
            --description='nix.fleet reboot' --setenv=PATH="$PATH" \
            "$shell" "$run/program" >>"$run/log" 2>&1 </dev/null && return
    fi
    (
        trap '' HUP
        cd / || exit
        in_new_session "$shell" "$run/program"
    ) >>"$run/log" 2>&1 </dev/null
}

outcome_of_request() {
    hundredths=0
    until [ -e "$run/outcome" ] || [ "$hundredths" -ge 3000 ]; do
        pause
    done
    cat "$run/outcome" 2>/dev/null || decline 'the reboot could not be started' "$(tail -n 3 "$run/log" 2>/dev/null | tr '\n' ' ')"
}
