# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs one function of this program for a limited time, as a process that can be ended with all that it starts. What it needs
# to know travels in its environment, which only its owner can read: no file is read.

log='' step_before=0 step_limit='' recorded='' told_to_stop=no going_back=no

# Where what a step prints is kept. A disk that has become full or read-only must not fail what could still succeed.
step_find_log() {
    for step_file in "$log" "./log" "$live/log-$id" /dev/null; do
        { printf '\n== %s\n' "$1" >>"$step_file"; } 2>/dev/null && break
    done
    log=$step_file
    # Of one that was killed there is no number, and such an expression would end dash.
    step_before=''
    [ ! -f "$log" ] || step_before=$(wc -c <"$log")
    step_before=$((${step_before:-0}))
}

step_words() { # print what the last step has printed, without colours, as far as that could be kept
    [ ! -f "$log" ] || tail -c "+$((step_before + 1))" "$log" | LC_ALL=C sed 's/[[:cntrl:]]\[[0-9;]*m//g'
}

step_meaning() { # print what exit code $1 of the last step, an activation, means
    if [ "$1" = 0 ]; then echo active; else step_words | platform_meaning "$1"; fi
}

# Whether they could be kept to the end: on a full disk the last of them, which may tell what counts, are lost.
step_words_are_whole() {
    [ -f "$log" ] && { echo >>"$log"; } 2>/dev/null
}

step_last_words() { # the end of it, of a length that fits into an answer
    step_words | grep -v '^[[:space:]]*$' | tail -n 100 | tail -c 16000
}

step_start() { # in place of this process
    # The directory that this runs in may be gone, of which the shell would say something among the words of the step.
    cd / || return
    export NIX_FLEET_PROGRAM="$program" NIX_FLEET_RECORDED="$recorded" NIX_FLEET_PATH="$own_path" NIX_FLEET_STEP="$id."
    export NIX_FLEET_WORKER="$own_process"
    process_exec_session sh -c "$run_program" "nix.fleet-$id" step "$@"
}

step_is_to_end() { # whether a step is no longer wanted; those on the way back are, whoever is told to stop
    [ "$told_to_stop:$going_back" = yes:no ]
}

# Run function $1 with the other arguments; its exit code, or 124 when it took too long: longer than an activation may, or than
# $step_limit seconds. On the way back, this process ends here when another deployment has the lock by now.
step() {
    ! step_is_to_end || return 143
    [ "$going_back" = no ] || lock_keep
    step_find_log "$*"
    step_start "$@" >>"$log" 2>&1 </dev/null &
    step_process=$!
    # For whoever has to finish the work should this program be killed.
    process_find_name "$step_process"
    { say step "$process_name" >"$live/step-$id"; } 2>/dev/null
    hundredths=0
    # Counted rather than read from a clock, which the step itself may set.
    while kill -0 "$step_process" 2>/dev/null; do
        if [ "$hundredths" -ge $((${step_limit:-$activation_timeout} * 100)) ]; then
            process_end "$step_process"
            return 124
        fi
        if step_is_to_end; then
            process_end "$step_process"
            return 143
        fi
        clock_pause
    done
    wait "$step_process"
    set -- $?
    # Killed alone, it leaves behind what it had started, and that would go on beside the way back.
    [ "$1" -le 128 ] || ! process_leads_group "$step_process" || process_end "$step_process"
    return "$1"
}

# A step whose failure can be that somebody else has the platform's own lock is tried again until that is free: for as long as
# an activation may take on the way there, and without an end on the way back.
step_when_free() { # as `step`
    step_waited=0
    while :; do
        step "$@"
        step_code=$?
        if [ "$step_code" = 0 ] || ! platform_is_locked "$step_code" || step_is_to_end ||
            [ "$going_back:$((step_waited >= activation_timeout))" = no:1 ]; then
            return "$step_code"
        fi
        sleep 2
        step_waited=$((step_waited + 2))
    done
}

step_end_orphans() { # the step of a supervisor that was killed, lest it goes on beside what now follows
    step_orphan=$(record_field step "$live/step-$id")
    if [ -n "$step_orphan" ]; then
        process_find_name "${step_orphan%% *}"
        # What it has started may have outlived it; in the same boot, its number is no other's as long as its group is there.
        if [ "$step_orphan" = "$process_name" ] ||
            { [ -z "$since" ] && [ "${step_orphan##* }" = "$this_boot" ] && process_leads_group "${step_orphan%% *}"; }; then
            process_end "${step_orphan%% *}"
        fi
    fi
    # One of which nothing could be written. What another process has there, the kernel may give in no time.
    process_run_within 3000 grep -lF "NIX_FLEET_STEP=$id." /proc/[0-9]*/environ 2>/dev/null | while IFS=/ read -r _ _ step_orphan _; do
        process_end "$step_orphan"
    done
}
