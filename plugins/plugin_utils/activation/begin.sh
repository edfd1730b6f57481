# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# The one script of a deployment's round trip: look, refuse or begin, and wait for the end. Sent again after a lost
# connection, it finds the deployment that it began and waits on.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

begin() {
    shell=$(command -v sh)
    begun_already && return
    find_program || return
    find_closure
    if [ $? = 1 ]; then
        decline "$missing" "$remedy"
        return
    fi
    objections && return
    begun_already && return # by the same script on another connection, in this moment
    say closure "$closure"
    if [ -e "$state/lock" ] && holder_alive "$state/lock"; then
        decline "another deployment is running: $(holder_text "$state/lock")" 'wait for it to end, then run again'
    elif [ "$goal" = dry-activate ]; then
        look unchanged
        [ ! -e "$closure" ] || dry_run
    elif nothing_to_do; then
        look unchanged
        say cause "${missing:-}"
    elif [ "$check" = 1 ]; then
        look activated
        [ "$dry_run_writes" = yes ] || [ ! -e "$closure" ] || dry_run
    else
        write_run && launch run && follow
    fi
}

find_program() {
    command -v nix-env >/dev/null && command -v nix-store >/dev/null && return
    decline 'there is no Nix on this machine, or not where it usually is' \
        "the PATH was $PATH; set the task's environment if Nix is elsewhere"
    return 1
}

decline() { # refuse before anything has been touched: $1 why, $2 what to do
    say outcome refused
    say cause "$1"
    say advice "$2"
}

objections() { # fails when there are none
    if [ "$needs_root" = yes ] && ! root; then
        decline "this platform is activated by root, and this is $(id -un)" \
            'escalate: become, or ansible_become in the inventory'
    elif [ -z "$profile" ]; then
        decline 'no profile is named' 'set the option profile'
    elif [ -e "$profile" ] && [ ! -L "$profile" ]; then
        decline "$profile is not a profile: it is not a symbolic link" 'name another profile, or move it away'
    elif [ -z "$closure" ]; then
        return 1 # there is nothing to go back from
    elif [ ! -e "$closure" ]; then
        # Before it is copied, there is only a change to foretell.
        [ "$check" = 0 ] || return 1
        decline "$closure is not on this machine" 'copy it first: nix.fleet.nix_copy_closure'
    elif [ -n "$(refusal "$(activated_path)")" ]; then
        decline "$(refusal "$(activated_path)")" 'check that platform and closure belong together'
    else
        return 1
    fi
}

look() { # answer with outcome $1 and what is there now
    say outcome "$1"
    say previous_generation "$(generation_of "$profile")"
    say previous_closure "$(closure_of "$profile")"
    say previous_running "$(running)"
    say_standing
}

dry_run() {
    output=$(dry_activate "$(activated_path)" 2>&1)
    say exit_code $?
    printf '%s\n' "$output" | tail -n 200 | sed 's/^/log=/'
}

write_run() {
    if ! (umask 077 && mkdir -p "$state/runs" && chmod 700 "$state" && mkdir "$run"); then
        # The same script on another connection may have been faster, and then the directory is that one's.
        begun_already || decline_unwritable
        return 1
    fi
    if ! all_ours; then
        rmdir "$run"
        decline "$state, or something in it, belongs to another user" "see what it is (ls -ln $state), and remove it"
        return 1
    fi
    (
        umask 077
        # A link, since one is never half written.
        ln -s "boot $(boot_id)" "$run/boot" &&
            write_program >"$run/program" &&
            # Room for the outcome, should the disk fill up in the meantime.
            dd if=/dev/zero of="$run/reserve" bs=1024 count=64 2>/dev/null
    ) && return
    rm -rf "$run"
    decline_unwritable
    return 1
}

all_ours() { # whether what leads to the programs of deployments belongs to whoever has just made $run
    # shellcheck disable=SC2012  # `find -printf` and `stat` are not everywhere; a name that breaks the line is not ours
    [ "$(ls -ldn "$state" "$state/." "$state/runs" "$state"/runs/* | awk '{ print $3 }' | sort -u | wc -l)" -eq 1 ]
}

decline_unwritable() {
    decline "$run cannot be written" 'check the free space and the permissions of the file system'
}

launch() { # run the program's part $1 where the end of this connection does not reach it
    if root && [ -d /run/systemd/system ]; then
        unit=nix-fleet-$id-$1
        systemd-run --quiet --collect --no-ask-password --service-type=exec --unit="$unit" \
            --description="nix.fleet deployment $id" \
            --property="ExecStopPost=$shell $run/program recover" --property=TimeoutStopSec=1h \
            --setenv=PATH="$PATH" --setenv=HOME="${HOME:-/root}" \
            ${LOCALE_ARCHIVE:+--setenv=LOCALE_ARCHIVE="$LOCALE_ARCHIVE"} \
            ${NIXOS_NO_CHECK:+--setenv=NIXOS_NO_CHECK="$NIXOS_NO_CHECK"} \
            "$shell" "$run/program" "$1" >>"$run/log" 2>&1 </dev/null && return
        # It may have failed after it had started the unit.
        if systemctl is-active --quiet "$unit.service" || { [ "$1" = run ] && [ -e "$run/begun" ]; }; then
            return
        fi
        say warning 'systemd started no unit for the deployment, so it ran in a session of its own' >>"$run/warnings"
    fi
    (
        trap '' HUP
        cd / || exit
        # The second part does something only when the first was ended from outside.
        # shellcheck disable=SC2016  # expanded by the inner shell
        in_new_session "$shell" -c '"$1" "$2" "$3"; "$1" "$2" recover' guardian "$shell" "$run/program" "$1"
    ) >>"$run/log" 2>&1 </dev/null
}

begun_already() { # whether this deployment has begun already; then wait for its end
    if [ -d "$run" ]; then
        follow
    else
        from_journal
    fi
}

from_journal() { # all that is known of a deployment when others have followed it
    line=$(grep -F "\"id\":\"$id\"" "$state/journal.jsonl" 2>/dev/null | tail -n 1)
    [ -n "$line" ] && say journal "$line"
}

over() { # whether there is nothing to wait for any more
    ended || awaiting
}

say_awaiting() {
    say outcome awaiting
    say closure "$(field closure "$run/recorded")"
    say previous_generation "$(field recorded_generation "$run/recorded")"
    say previous_closure "$(field recorded_default "$run/recorded")"
    say previous_running "$(field recorded_running "$run/recorded")"
    say_standing
}

ended() {
    [ -e "$run/outcome" ] && [ "$(readlink "$state/lock" 2>/dev/null)" != "$run/holder" ]
}

before_this_boot() {
    [ -e "$run/holder" ] && [ "$(field boot "$run/holder")" != "$(boot_id)" ]
}

follow() {
    waited=0 relaunched=no
    until over || [ ! -d "$run" ]; do
        hundredths=0
        while [ "$hundredths" -lt 100 ] && ! over; do
            pause
        done
        if holder_alive "$run/holder"; then
            waited=0
        elif [ "$relaunched" = no ] && { [ "$waited" -ge 8 ] || before_this_boot; }; then
            # Whoever would have finished the work is dead too.
            launch recover
            waited=0 relaunched=yes
        elif [ "$waited" -lt 8 ]; then
            waited=$((waited + 1))
        else
            break
        fi
    done
    if awaiting; then
        say_awaiting
    else
        cat "$run/outcome" 2>/dev/null || from_journal || say outcome unknown
    fi
    [ ! -e "$run/entry" ] || say entry "$(cat "$run/entry")"
    tail -n 200 "$run/log" 2>/dev/null | tail -c 60000 | sed 's/^/log=/'
}
