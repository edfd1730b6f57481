# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# The deployment itself, run where no lost connection can end it: to the new system, or back to the recorded one.
#
# Two processes. The first takes the lock, looks and records; then it only waits for the second, which does the work and holds
# the lock meanwhile. Should that be killed, or not get the machine back, the first goes on with what it has in memory, again
# and again. Should both be killed, systemd starts the first anew where there is systemd; elsewhere whoever comes next does.

supervisor_main() { # $1: `run`, `recover`, or `step` and a function with its arguments
    # In memory from now on, and in nobody's environment but that of our own steps.
    program=$NIX_FLEET_PROGRAM recorded=${NIX_FLEET_RECORDED:-} own_path=${NIX_FLEET_PATH:-$PATH}
    # On behalf of another deployment, that one holds the lock and waits.
    lock_for=${NIX_FLEET_LOCK:-} worker=${NIX_FLEET_WORKER:-}
    unset NIX_FLEET_PROGRAM NIX_FLEET_RECORDED NIX_FLEET_PATH NIX_FLEET_LOCK NIX_FLEET_STEP NIX_FLEET_AGAIN NIX_FLEET_WORKER
    case $1 in
        run)
            supervisor_heed_signals
            supervisor_ask_files supervisor_open_log
            if supervisor_is_first; then supervisor_run; else supervisor_recover; fi
            ;;
        recover)
            # Who goes on after another recovery is as good as its guard. No process may be made before this.
            [ -z "$recorded" ] || trap supervisor_go_on EXIT
            supervisor_heed_signals
            supervisor_ask_files supervisor_open_log
            supervisor_recover
            ;;
        step)
            shift
            # Killed before this process had anything to be known by, it has been made up for without it.
            [ "$PPID" = "${worker:-$PPID}" ] || return
            [ -z "$recorded" ] || deployment_read_recorded "$recorded"
            request_find_activated
            cd / || return
            "$@"
            ;;
    esac
}

supervisor_heed_signals() {
    # The step that runs now is ended; how it ended decides what comes next.
    trap 'told_to_stop=yes' TERM INT
    # To systemd, the end by it is a good one.
    trap '' HUP
}

supervisor_begin() { # what both ways of beginning have in common
    umask 022
    path_pin
    # It is in memory, and a reboot has taken it away.
    [ -d "$live" ] || (umask 077 && mkdir -p "$live") 2>/dev/null
    # It may be hidden by what an activation has mounted.
    cd "$run" 2>/dev/null || { state_make && supervisor_enter "$run"; } || supervisor_enter "$live/run-$id" || cd /
    log=./log
    [ ! -r ./settings ] || request_use_settings "$(cat ./settings)"
    started=$(clock_date)
    process_find_own
}

# Have function $1 ask what our files lie on. That may hang by now, like a network file system that an activation has cut off: then
# all that is still read or written is in memory, and where there is none for files, in the supervisor's own.
supervisor_ask_files() {
    ! process_run_within 3000 "$1" 2>/dev/null || return 0
    [ "$live" != "$state" ] || live=/dev/null
    state=/dev/null run=/dev/null/$id log=./log
    supervisor_enter "$live/run-$id" || cd /
}

supervisor_open_log() {
    true >>"$run/log"
}

supervisor_give_room() { # what was kept for the way back and for the end
    run_free_reserve && true >>"$log"
}

supervisor_enter() { # directory $1, made anew: nothing of another deployment is there
    (umask 077 && mkdir -p "$1") 2>/dev/null && cd "$1" || return
}

# Whoever could not tell whether it had launched this may have launched it twice; systemd starts it again once it was killed. The
# directory that says so may be hidden by then, and what is in memory says it as well.
supervisor_is_first() {
    mkdir "$run/begun" 2>/dev/null && ! run_find_outcome "$run" && [ ! -e "$live/$id" ]
}

supervisor_run() {
    supervisor_begin
    clock_read
    start=$clock
    process_find_name $$
    ln -s "$process_name" ./worker || outcome_refuse "$run cannot be written"
    supervisor_take_lock
    supervisor_finish_interrupted
    rollback_find_closure
    case $? in
        1) outcome_refuse "$missing" "${remedy:-}" ;;
        2)
            refusal=$missing_code
            outcome_leave unchanged "$missing"
            ;;
    esac
    supervisor_check
    platform_move_profile >>"$log" 2>&1 || {
        supervisor_heed_stop
        outcome_refuse "$profile could not be moved to where this platform has its profile now: $(tail -n 1 "$log")"
    }
    if ! deployment_record || ! supervisor_is_whole; then
        supervisor_heed_stop
        outcome_refuse "the state before the deployment could not be recorded in $run, so nothing was done: $(tail -n 1 "$log")"
    fi
    supervisor_work &
    supervisor_guard "$!"
}

supervisor_heed_stop() { # for as long as nothing has been touched
    [ "$told_to_stop" = no ] || outcome_refuse 'the supervisor was told to stop before it had touched anything'
}

supervisor_take_lock() {
    lock_await supervisor_has_lock || outcome_refuse "$(lock_cause)" "$(lock_advice)" locked
}

supervisor_has_lock() { # fails as long as somebody else has it
    supervisor_heed_stop
    lock_take $$
    case $? in
        1) return 1 ;;
        2) outcome_refuse "$live cannot be written to" ;;
    esac
}

supervisor_finish_interrupted() { # the latest first: it has recorded what the others before it had left
    runs_uncover || outcome_refuse "$state cannot be written, and what an earlier deployment has left is to be finished first" \
        'check the free space and the permissions of the file system'
    supervisor_runs=$(supervisor_latest_runs)$newline
    while [ -n "$supervisor_runs" ]; do
        directory=${supervisor_runs%%"$newline"*}
        supervisor_runs=${supervisor_runs#*"$newline"}
        # One that has gone back may have left it to the one before it.
        run_is_interrupted "$directory" || run_is_left "$directory" || continue
        NIX_FLEET_PROGRAM=$(cat "$directory/program") NIX_FLEET_LOCK=$id sh -c "$run_program" nix.fleet recover </dev/null
        supervisor_code=$?
        # It has had our lock meanwhile, and with its end another may have come first.
        process_alone "$live/takeover" supervisor_take_over
        supervisor_taken=$?
        # Not back yet: it goes on by itself when this deployment has ended, unless that stays.
        [ "$supervisor_code" = 0 ] || supervisor_launch_recovery "$directory"
        if [ "$supervisor_taken" != 0 ]; then
            supervisor_take_lock
            # Who has had it may have left something as well.
            supervisor_finish_interrupted
            return
        fi
    done
}

# Print the directories of deployments, that of the last record first. Their names have the times of controllers, and those may
# differ; a date of the machine's own counts only where it has been booted since.
supervisor_latest_runs() {
    process_find_boot
    set -- "$state"/runs/*
    # Our own alone is in order.
    [ $# -gt 1 ] || { printf '%s\n' "$1" && return; }
    for supervisor_run; do
        record_read '' "$(cat "$supervisor_run/recorded" 2>/dev/null)" recorded_boot recorded_clock recorded_started
        [ "$recorded_boot" = "$this_boot" ] && supervisor_order=${recorded_clock:-0} || supervisor_order=-1
        printf '%s %s %s\n' "$supervisor_order" "${recorded_started:--}" "$supervisor_run"
    done | LC_ALL=C sort -k 1,1nr -k 2,2r | cut -d ' ' -f 3-
}

supervisor_launch_recovery() { # of the deployment of directory $1
    set -- "$1" "$run" "$id" "$program" "$log"
    run=$1 id=${1##*/}
    program=$(cat "$run/program")
    # Whoever launches is elsewhere afterwards.
    (launch recover)
    run=$2 id=$3 program=$4 log=$5
}

# What the system itself has against being activated, asked before anything is touched; and a lock of its own that somebody else
# holds is waited for, as ours is.
supervisor_check() {
    request_find_activated
    lock_read # it is this profile's own turn by now
    lock_await supervisor_is_allowed ||
        outcome_refuse "$platform_lock_name is held by $supervisor_holder" "$lock_wait_for_it" locked
    code=''
}

supervisor_is_allowed() { # fails as long as somebody else has the platform's own lock
    supervisor_heed_stop
    supervisor_holder=$(platform_lock_holder)
    [ -z "$supervisor_holder" ] || return
    [ "$goal" != boot ] && [ "$no_check" = 0 ] || return 0
    step platform_check "$activated"
    code=$?
    [ "$code" != 0 ] || return 0
    supervisor_heed_stop
    supervisor_holder='somebody else'
    ! platform_is_locked "$code" || return
    step_log=$(step_last_words)
    deployment_find_refusal "$step_log"
    outcome_refuse "$cause" "$advice"
}

supervisor_work() { # in a process of its own; exits with 0 at an end, and with 3 when the machine is to be brought back again
    trap 'told_to_stop=yes' TERM INT
    process_find_own
    supervisor_heed_stop
    { lock_hand_over "$own_process" && run_mark "$id"; } || outcome_refuse "$live cannot be written to"
    deployment_go || {
        supervisor_ask_files supervisor_give_room
        step_log=$(step_last_words)
        way_back
    }
    [ "$confirmation" != confirmed ] || outcome_finish confirmed
    outcome_finish activated
}

supervisor_is_last() {
    run_find_mark
    [ -z "$marked" ] || [ "$marked" = "$id" ]
}

supervisor_guard() { # wait for the end of worker $1, and bring the machine back as long as that has not come to one
    # Who is told to stop is the worker. A wait that a signal has interrupted would not say how that one ended.
    trap '' TERM INT
    # Where no process can be made, a shell ends.
    trap supervisor_go_on EXIT
    supervisor_nap=0 supervisor_longest=$((activation_timeout * 4))
    while :; do
        supervisor_await "$1"
        if [ "$supervisor_code" = 0 ] || platform_leaving || supervisor_keeps_from_leaving; then
            [ "$supervisor_code" = 0 ] || platform_watch_soft_reboot
            trap - EXIT
            exit 0
        fi
        # Killed, it is made up for at once the first time.
        [ "$supervisor_code" != 3 ] || supervisor_nap=$((supervisor_nap > 5 ? supervisor_nap : 5))
        clock_sleep "$supervisor_nap"
        supervisor_nap=$((supervisor_nap < 30 ? supervisor_nap * 2 + 5 : 60))
        # What was too slow on the way there may be so on the way back.
        activation_timeout=$((activation_timeout < supervisor_longest ? activation_timeout * 2 : activation_timeout))
        supervisor_resume &
        set -- "$!"
    done
}

supervisor_await() { # the end of worker $1: sets `supervisor_code`
    supervisor_watch "$1" &
    process_find_name "$!"
    supervisor_watcher=$process_name
    wait "$1"
    supervisor_code=$?
    # Told to stop with all that is here, it is gone, and its number may be another's.
    ! process_has_name "$supervisor_watcher" || kill "${supervisor_watcher%% *}" 2>/dev/null
}

# What is not the whole machine is tried to be brought back while that shuts down too, but not again and again: systemd would wait.
supervisor_keeps_from_leaving() {
    [ "$supervisor_code" = 3 ] && platform_systemd_stops
}

# End worker $1 when it is stopped, or waits for what never comes, though all that it may do would long be over: the guard makes up
# for it. What has moved in the last minutes, as in waiting for a lock of NixOS's, is left alone.
supervisor_watch() {
    trap 'kill "$supervisor_sleep" 2>/dev/null; exit' TERM
    process_find_name "$1"
    # One that has ended already has no name.
    [ -n "$since" ] || exit
    supervisor_worker=$process_name supervisor_seen='' supervisor_waited=0 supervisor_still=0 supervisor_sleep=''
    while process_has_name "$supervisor_worker"; do
        supervisor_sees=$(cat "/proc/$1/stat" 2>/dev/null || ps -o stat= -o time= -p "$1")
        [ "$supervisor_sees" = "$supervisor_seen" ] || supervisor_still=0
        if [ "$supervisor_waited" -gt $((4 * activation_timeout + confirm_timeout)) ] && [ "$supervisor_still" -ge 5 ]; then
            kill -KILL "$1"
        fi
        supervisor_seen=$supervisor_sees supervisor_still=$((supervisor_still + 1))
        sleep 60 &
        supervisor_sleep=$!
        wait "$supervisor_sleep" || clock_make_up 60
        supervisor_waited=$((supervisor_waited + 60))
    done
}

# In place of a guard that its shell has ended since it could make no process: to replace a process takes no new one. As soon as
# one can be made, it goes on with what is in memory.
supervisor_go_on() {
    export NIX_FLEET_PROGRAM="$program" NIX_FLEET_RECORDED="$recorded" NIX_FLEET_PATH="$own_path"
    # shellcheck disable=SC2016  # expanded by that shell
    export NIX_FLEET_AGAIN='
        trap '\''exec sh -c "$NIX_FLEET_AGAIN" "$0" recover'\'' EXIT
        # A pause that needs no process either.
        pause=0
        while [ "$pause" -lt 200000 ]; do pause=$((pause + 1)); done
        sleep 1
        '"$run_program"
    # shellcheck disable=SC2016  # the same
    exec sh -c 'eval "$NIX_FLEET_AGAIN"' "nix.fleet-$id" recover
}

supervisor_resume() { # in a process of its own
    trap 'told_to_stop=yes' TERM INT
    process_find_own
    supervisor_ask_files supervisor_give_room
    supervisor_hold
    if [ -z "$lock_for" ] && ! supervisor_is_last; then
        [ "$marked" != "$recorded_marked" ] || [ -n "$(way_back_reported outcome)" ] ||
            outcome_refuse 'the supervisor was ended before it had touched anything'
        supervisor_let_go
    fi
    case $(way_back_reported outcome) in
        '') ;;
        rollback_failed) failure_reported=yes ;;
        *) supervisor_let_go ;; # killed when all had been done
    esac
    # What nobody lives to confirm stays no longer.
    [ "$confirm_timeout" = 0 ] || unconfirmed=yes
    way_back_resume
}

supervisor_let_go() {
    run_find_mark
    # Killed when it had said that it is back, and had not left the rest to the one before it.
    [ "$marked" != "$id" ] || [ "$(way_back_reported outcome)" != rolled_back ] || run_mark "$recorded_marked"
    platform_unwatch_boot "$id"
    lock_release
    trap - EXIT
    exit 0
}

# Where not even the lock can be written, nobody else can have taken it, and the machine is brought back without, as long as that
# stays so: see `lock_keep`.
supervisor_hold() { # the lock of deployment $id, or end when it is another's turn
    supervisor_others=no
    process_alone "$live/takeover" supervisor_take_over && return
    # It may have been given up since: that was somebody who acted, and may have left something.
    [ "$supervisor_others" = no ] || exit 4
    # Whoever has the other link to itself for so long is about to take the lock.
    ! process_has_name "$(readlink "$live/takeover" 2>/dev/null)" || exit 4
    lock_read
    [ -z "$lock_id" ] || supervisor_may_take_over || exit 4
}

supervisor_take_over() { # that lock, unless somebody does this already or another has taken it since
    lock_read
    if supervisor_is_lock_abandoned; then
        rm -f "$live/lock"
        lock_id=''
    fi
    if [ -z "$lock_id" ]; then
        # It may be made in this moment.
        ln -s "$(lock_record "$own_process")" "$live/lock" 2>/dev/null && return
        ! lock_is_there || supervisor_others=yes
        return 1
    elif supervisor_may_take_over; then
        lock_hand_over "$own_process"
    else
        supervisor_others=yes
        return 1
    fi
}

# Whether the lock that has been read is what another has left who is dead, or gives it to whoever comes. Of the same profile, one
# that acted later is to be finished first.
supervisor_is_lock_abandoned() {
    [ -n "$lock_id" ] && [ "$lock_id" != "${lock_for:-$id}" ] && ! lock_is_held || return
    run_find_mark
    [ "$marked" != "$lock_id" ]
}

supervisor_may_take_over() { # whether the lock that has been read is this deployment's, and nobody else's of it that lives
    [ "$lock_id" = "${lock_for:-$id}" ] || return
    # The guard has it until its worker does, and does nothing with it. On behalf of another deployment, the process that waits has it.
    [ "$lock_pid" = "$own_process" ] || [ "$lock_for:$lock_pid" = ":$$" ] || [ "$lock_for:$lock_pid" = "$lock_id:$PPID" ] ||
        ! lock_is_held
}

supervisor_is_whole() { # whether `recorded` is all that was recorded
    case $recorded in
        *"${newline}complete=yes"*) ;;
        *) return 1 ;;
    esac
}

supervisor_refuse_late() { # for a deployment that has touched nothing, and from now on never will
    if ! mkdir "$run/begun" 2>/dev/null; then
        # The first process may be about to say that it is there; who makes the link is who goes on.
        [ -L ./worker ] || sleep 2
        ln -s nobody ./worker 2>/dev/null || ! process_has_name "$(readlink ./worker)" || exit 0
    fi
    outcome_refuse 'the supervisor was ended before it had touched anything'
}

supervisor_recover() { # finish what supervisors left that are gone, with what they have recorded
    supervisor_begin
    case $(way_back_reported outcome) in
        '' | rollback_failed) ;;
        *) deployment_read_recorded "$(cat ./recorded 2>/dev/null)" && supervisor_let_go ;;
    esac
    supervisor_find_recorded
    deployment_read_recorded "$recorded"
    started=$recorded_started
    supervisor_heed_kept_outcome
    # The clock counts from when the machine was booted.
    process_find_boot
    [ "$recorded_boot" != "$this_boot" ] || start=$recorded_start
    # Where booting activates, a system that only waited for it runs now.
    [ "$platform_boot_activates" = no ] || [ "$recorded_boot" = "$this_boot" ] || [ -z "$recorded_default" ] ||
        [ "$(platform_running)" != "$recorded_default" ] || recorded_running=$recorded_default
    if [ -z "$lock_for" ]; then supervisor_recover_guarded; else supervisor_recover_for_another; fi
}

supervisor_find_recorded() { # set `recorded` to what the deployment has recorded, or end
    supervisor_is_whole || recorded=$(cat ./recorded 2>/dev/null)
    supervisor_is_whole || recorded=$(cat "$live/$id" 2>/dev/null)
    if [ -z "$recorded" ] && [ ! -e ./recorded ]; then
        # Where the record would be does not answer: whether there is one is found out when it does.
        [ "$state" != /dev/null ] || exit 1
        supervisor_refuse_late
    fi
    if ! supervisor_is_whole; then
        cause="the deployment was interrupted and its record is not whole, so nothing was touched: $run/recorded"
        outcome_finish failed
    fi
}

supervisor_heed_kept_outcome() { # end as the deployment has ended already, where nothing else could be written
    [ -L "$profile.fleet-$id" ] || return 0
    outcome=$(readlink "$profile.fleet-$id")
    status=${outcome#* }
    trap - EXIT
    outcome_finish "${outcome%% *}"
}

supervisor_recover_guarded() {
    # For whoever comes: there is somebody who goes on.
    process_find_name "$own_process"
    ln -sf "$process_name" "$run/worker" 2>/dev/null
    supervisor_resume &
    supervisor_guard "$!"
}

supervisor_recover_for_another() { # which waits for the end, and goes on by it
    trap '' TERM INT
    supervisor_tries=0 supervisor_code=137
    # Killed, it is made up for at once: what it was at must be ended before anything else begins.
    while [ "$supervisor_code" -gt 128 ] && [ "$supervisor_tries" -lt 3 ]; do
        supervisor_tries=$((supervisor_tries + 1))
        supervisor_resume &
        supervisor_await "$!"
    done
    exit "$supervisor_code"
}
