# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# The way to the new system: record what there is, activate, have it confirmed, make it the default.

cause='' advice='' step_log='' code='' status='' units='' confirmation='' unconfirmed=no default_touched=no tried=no confirming='' generation_of_closure=''
recorded_link='' recorded_generation='' recorded_newest='' recorded_default='' recorded_running='' recorded_boots=''
recorded_boot='' recorded_started='' recorded_start='' recorded_clock='' recorded_profile='' recorded_marked='' wanted='' start=''

# The profile's generation, the running system and what is booted: exactly what a rollback returns to. It stays in memory; the
# file is for who finishes this after a loss of power.
deployment_record() {
    request_find_activated
    platform_find_aside "$activated" >>"$log" 2>&1 || return
    current_observe
    profile_read "$profile"
    process_find_boot
    run_find_mark
    clock_read
    recorded=$(
        # Decided once: an activation may make the directory that another answer would come from.
        say recorded_profile "$profile"
        say recorded_aside "$aside"
        say recorded_link "$first_link"
        say recorded_generation "$stands_at"
        say recorded_newest "$(profile_generations "$profile" | tail -n 1)"
        say recorded_default "$target"
        # Of a Mac that has not activated its system since it booted, nothing runs, and the default is to go back to all the same.
        say recorded_running "${running_now:-$target}"
        say recorded_boots "$boots"
        say recorded_boot "$this_boot"
        say recorded_started "$started"
        say recorded_start "$start"
        say recorded_clock "$clock_exact"
        say recorded_marked "$marked"
        say closure "$closure"
        say wanted "$wanted"
        say complete yes
    )
    # As one word of an environment, which every step has it in, Linux takes 128 KiB at most.
    # A character may be four bytes.
    if [ "${#recorded}" -ge 30000 ] && [ "$(printf '%s' "$recorded" | wc -c)" -ge 120000 ]; then
        echo 'too many files are in the way' >>"$log"
        return 1
    fi
    { [ -d "${profile%/*}" ] || mkdir -p "${profile%/*}"; } &&
        { step deployment_protect || deployment_note_limit $?; } &&
        printf '%s\n' "$recorded" >./recorded.new 2>>"$log" &&
        { [ "$live" = "$state" ] || deployment_record_in_memory 2>>"$log"; } &&
        { path_flush ./recorded.new ./program && mv -f ./recorded.new ./recorded && path_flush .; } &&
        platform_watch_boot 2>>"$log" &&
        deployment_read_recorded "$recorded"
}

deployment_record_in_memory() ( # for who finishes this while the directory of it is hidden
    umask 077
    printf '%s\n' "$program" >"$live/program-$id" && printf '%s\n' "$recorded" >"$live/$id"
)

deployment_read_recorded() { # of text $1
    record_read '' "$1" recorded_link recorded_generation recorded_newest recorded_default recorded_running recorded_boots \
        recorded_boot recorded_started recorded_start recorded_profile recorded_aside recorded_marked closure wanted
    profile=${recorded_profile:-$profile}
}

deployment_note_limit() { # that the last step, which failed with code $1, may have failed by it
    [ "$1" != 124 ] || echo "Nix did not answer for $activation_timeout s" >>"$log"
    return "$1"
}

# From the garbage collector while this deployment lasts: what is new, and as far as Nix knows of it what there is.
deployment_protect() {
    deployment_root "$run/closure" "$closure" || return
    deployment_root "$run/before" "$recorded_running"
    # An activation may hide that one.
    [ "$live" = "$state" ] || deployment_root "$live/before-$id" "$recorded_running"
    [ "$recorded_default" = "$recorded_running" ] || deployment_root "$run/default" "$recorded_default"
    case $recorded_boots in
        "$recorded_running" | "$recorded_default") ;;
        *) [ ! -e "$recorded_boots" ] || deployment_root "$run/boots" "$recorded_boots" ;;
    esac
    return 0
}

deployment_root() { # have closure $2 as the GC root $1
    [ -z "$2" ] || nix-store --realise "$2" --add-root "$1" --option substitute false >/dev/null
}

deployment_go() {
    case $goal:$platform_default_first in
        boot:*) deployment_change_default ;;
        test:*) deployment_make_permanent ;;
        *:yes) deployment_change_default && deployment_make_permanent ;;
        # A machine that loses its power in the middle comes back as it was: the default changes last.
        *) deployment_make_permanent && deployment_change_default ;;
    esac && { [ "$goal" = boot ] || deployment_verify_running; } && deployment_verify_default
}

deployment_make_permanent() { # what runs in the end is what was tried and, where that is wanted, confirmed
    deployment_try && deployment_confirmed && deployment_verify_running
}

deployment_try() {
    request_find_activated
    deployment_find_generation
    step_is_to_end || tried=yes
    step_when_free platform_activate "$activated" "$generation_of_closure"
    code=$?
    status=$(step_meaning "$code")
    deployment_keep_warnings
    # What was lost may tell of a failed script.
    [ "$status" != units ] || step_words_are_whole || status=failed
    case $status in
        active) ;;
        units)
            # The exit code is what counts: the names are for people, and not every version prints them.
            units=$(step_words | platform_units_named)
            cause="these units failed: ${units:-the log may tell which}"
            step_log=$(step_last_words)
            [ "$failed_units" != rollback ]
            ;;
        reboot)
            reboot=yes
            cause='the running system cannot become this one without a reboot'
            [ "$goal" = switch ]
            ;;
        *)
            cause="activation ended with exit code $code$(step_words | deployment_failure_named "$code")"
            advice=$(step_words | platform_failure_advice)
            [ "$code" != 124 ] || cause="activation had not ended after $activation_timeout s and was ended"
            if platform_is_locked "$code"; then
                cause="$platform_lock_name was held by somebody else for $activation_timeout s"
                # Nothing was touched: what is not as it was is their doing.
                confirming="$recorded_default $recorded_running"
            fi
            false
            ;;
    esac && deployment_verify_running
}

deployment_find_refusal() { # set `cause` and `advice` to what the system's own check has said: $1
    cause="the system's own check refuses it: $(journal_one_line "$(printf '%s\n' "$1" | tail -n 20)")"
    advice=$(printf '%s\n' "$1" | platform_failure_advice)
    advice=${advice:-$platform_check_advice}
}

deployment_failure_named() { # print, after a colon, what has failed with exit code $1, as far as its words on standard input tell
    deployment_words=$(cat)
    deployment_name=$(printf '%s\n' "$deployment_words" | platform_failure_named "$1" | head -n 1)
    [ -n "$deployment_name" ] || deployment_name=$(printf '%s\n' "$deployment_words" | deployment_last_line)
    [ -z "$deployment_name" ] || printf ': %s\n' "$deployment_name" | LC_ALL=C cut -b 1-400
}

deployment_last_line() { # of standard input, with the part it is of: home-manager and nix-on-droid name each before they come to it
    awk '
        /^Activating [A-Za-z0-9_-]+$/ { part = $2; last = ""; next }
        /[^[:space:]]/ { last = $0 }
        END { print part (part != "" && last != "" ? ": " : "") last }'
}

deployment_keep_warnings() { # of the last step, each once and not more than fit into an answer
    deployment_warnings=$(step_words | platform_warnings | LC_ALL=C cut -b 1-400)
    [ -n "$deployment_warnings" ] || return 0
    warnings=$(printf '%s\n' "$warnings" "$deployment_warnings" | awk '$0 != "" && !told[$0]++ && ++count <= 30')
}

deployment_find_generation() { # set `generation_of_closure` to the generation by which the closure is known already
    generation_of_closure=$wanted
    [ -z "$wanted" ] || return 0
    profile_read "$profile"
    [ "$target" != "$closure" ] || generation_of_closure=$stands_at
}

deployment_verify_running() {
    request_find_activated
    platform_find_running
    [ "$reboot" = yes ] || [ "$target" = "$activated" ] && return
    cause="activation ended well, but what runs is $target"
    return 1
}

# Whether the machine can still be reached is known on the other side only: it confirms or cancels by a signal, for which
# nothing has to be written, or nobody does in time.
deployment_confirmed() { # fails when it is not to stay
    # Whatever is not plainly 0 wants a confirmation.
    [ "$confirm_timeout" != 0 ] || return 0
    confirmation=''
    trap '[ -n "$confirmation" ] || confirmation=confirmed' USR1
    trap '[ -n "$confirmation" ] || confirmation=cancelled' USR2
    phase=awaiting
    clock_read
    until=$((clock + confirm_timeout))
    # An activation may itself bring the machine to what is not its closure; who comes later is somebody else.
    deployment_find_default_and_running
    confirming=$default_and_running
    lock_hand_over "$own_process"
    hundredths=0
    until [ -n "$confirmation" ] || [ "$told_to_stop" = yes ] || [ "$hundredths" -ge $((confirm_timeout * 100)) ]; do
        clock_pause
    done
    # From now on both signals come too late.
    confirmation=${confirmation:-expired}
    phase=working
    lock_hand_over "$own_process" 2>/dev/null
    [ "$confirmation" != confirmed ] || return 0
    cause="nobody confirmed over a new connection within $confirm_timeout s that the machine can still be reached"
    [ "$told_to_stop" = no ] || cause='the supervisor was told to stop before what is new had been confirmed'
    [ "$confirmation" != cancelled ] || cause="it was cancelled: $(head -n 1 "$live/reason-$id" 2>/dev/null)"
    unconfirmed=yes
    return 1
}

deployment_find_default_and_running() { # set the variable of that name
    path_find_closure "$profile"
    default_and_running=$target
    platform_find_running
    default_and_running="$default_and_running $target"
}

deployment_change_default() {
    # In memory too, since the directory may be hidden by now from whoever has to finish this.
    {
        true >"$live/touched-$id"
        { true >./default-touched && path_flush . ./default-touched; } || [ -e "$live/touched-$id" ]
    } 2>/dev/null || {
        code=1
        cause="that $profile is about to change could not be noted"
        return 1
    }
    default_touched=yes
    step_when_free deployment_set_default "$closure" "$wanted" || {
        code=$?
        cause="$profile could not be made to boot $closure (exit code $code)$(step_words | deployment_failure_named "$code")"
        ! platform_is_locked "$code" || cause="$cause: $platform_lock_name was held by somebody else"
        return 1
    }
    deployment_keep_warnings
}

deployment_set_default() { # to closure $1, or back to its generation $2
    ! platform_boots_newest || set -- "$1" ''
    # What the boot loader names is rooted, on the disk, before it is named.
    profile_set "$profile" "$1" "$2" || return
    # What has not run yet may not be on the disk either.
    [ "$goal" != boot ] || path_flush
    platform_make_default "$1"
}

deployment_verify_default() {
    [ "$goal" != test ] || return 0
    path_find_closure "$profile"
    if [ "$target" != "$closure" ]; then
        cause="$profile stands at $target after the deployment"
        return 1
    fi
    platform_find_boots
    [ -n "$boots" ] && [ "$boots" != "$closure" ] || return 0
    cause="the boot loader was written, but boots $boots; has it an entry for $closure (boot.loader.*.configurationLimit)?"
    return 1
}
