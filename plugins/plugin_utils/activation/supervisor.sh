# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# The deployment itself, run where no lost connection can end it: to the new system, or back to the recorded one.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

cause='' advice='' code='' ending='' units='' reboot=no process='' told_to_stop=no confirmation=no unconfirmed=no

supervise() {
    trap '' HUP
    # Whoever could not tell whether it had launched this may have launched it twice.
    mkdir "$run/begun" 2>/dev/null || exit 0
    # What runs now is ended; how it ended decides what comes next.
    trap 'told_to_stop=yes; [ -z "$process" ] || end_step "$process"' TERM INT
    read_clock
    start=$clock started=$(timestamp)
    write_holder || refuse "$run cannot be written"
    until take_lock_in_turn; do
        [ "$told_to_stop" = no ] || refuse 'the supervisor was told to stop while it waited for its turn'
        sleep 1
    done
    finish_interrupted
    find_closure
    case $? in
        1) refuse "$missing" "${remedy:-}" ;;
        2) leave unchanged "$missing" ;;
    esac
    [ "$told_to_stop" = no ] || refuse 'the supervisor was told to stop before it had touched anything'
    record || refuse "the state before the deployment could not be recorded in $run, so nothing was done: $(tail -n 1 "$log")"
    deploy || fall_back
    [ "$confirmation" = no ] || finish confirmed
    finish activated
}

finish_interrupted() { # the latest first: it has recorded what the others before it had left
    for directory in "$state"/runs/*; do
        ! is_interrupted "$directory" || set -- "$directory" "$@"
    done
    for directory; do
        "$shell" "$directory/program" recover "$run/holder" </dev/null
    done
}

take_lock_in_turn() { # fails while another profile's turn lasts
    take_lock
    case $? in
        0) ;;
        1)
            waited_for || refuse "$(somebody_else)" "$wait_for_it"
            return 1
            ;;
        *) refuse "$state cannot be written to" ;;
    esac
}

# The profile's generation and the running system: exactly what a rollback returns to.
record() {
    find_running
    runs=$target
    read_profile "$profile"
    find_newest "$profile"
    find_boot
    { [ -d "${profile%/*}" ] || mkdir -p "${profile%/*}"; } &&
        : >"$run/awaiting.new" &&
        protect closure "$closure" &&
        { protect before "$runs" || :; } &&
        {
            say recorded_link "$first_link"
            say recorded_generation "$stands_at"
            say recorded_newest "$newest"
            say recorded_default "$target"
            say recorded_running "$runs"
            say recorded_boot "$this_boot"
            say recorded_started "$started"
            say recorded_start "$start"
            say closure "$closure"
            say wanted "$wanted"
            say complete yes
        } >"$run/recorded.new" 2>>"$log" && put_in_place recorded "$run/program" && read_recorded
}

find_newest() { # set `newest` to the highest number of profile $1's generations, or to nothing
    newest=''
    for link in "$1"-*-link; do
        number=${link#"$1"-}
        number=${number%-link}
        case $number in
            '' | *[!0-9]*) ;;
            *) [ ! -L "$link" ] || [ "$number" -le "${newest:-0}" ] || newest=$number ;;
        esac
    done
}

read_recorded() {
    read_fields "$run/recorded" recorded_link recorded_generation recorded_newest recorded_default recorded_running \
        recorded_boot recorded_started recorded_start closure wanted
}

protect() { # keep closure $2 from the garbage collector while this deployment lasts, by the link $1
    [ -z "$2" ] || nix-store --realise "$2" --add-root "$run/$1" --option substitute false >/dev/null 2>>"$log"
}

deploy() {
    case $goal:$default_first in
        boot:*) change_default ;;
        test:*) try && confirmed ;;
        *:yes) change_default && try && confirmed ;;
        # A machine that loses its power in the middle comes back as it was: the default changes last.
        *) try && confirmed && change_default ;;
    esac && verify_default
}

try() {
    find_activated
    find_generation_of_closure
    step activate "$activated" "$generation_of_closure"
    code=$?
    ending=$(meaning "$code")
    case $ending in
        active) ;;
        units)
            # The exit code is what counts: the names are for people, and not every version prints them.
            units=$(sed -n 's/^warning: the following units failed: //p' "$log" | tail -n 1)
            cause="these units failed: ${units:-the log may tell which}"
            [ "$failed_units" != rollback ]
            ;;
        reboot)
            reboot=yes
            cause='the running system cannot become this one without a reboot'
            [ "$goal" = switch ]
            ;;
        *)
            cause="activation ended with exit code $code"
            [ "$code" != 124 ] || cause="activation had not ended after $activation_timeout s and was ended"
            false
            ;;
    esac && verify_running
}

find_generation_of_closure() { # set `generation_of_closure` to the generation by which the closure is known already
    generation_of_closure=$wanted
    [ -z "$wanted" ] || return 0
    read_profile "$profile"
    [ "$target" != "$closure" ] || generation_of_closure=$stands_at
}

change_default() {
    : >"$run/default-touched" && step set_default "$closure" "$wanted" && return
    code=$?
    cause="$profile could not be made to boot $closure (exit code $code)"
    return 1
}

set_default() { # to closure $1, or back to generation $2, which has that closure
    set_profile "$1" "$2" && make_default "$1"
}

set_profile() { # to closure $1, or back to generation $2
    find_target "$profile"
    if [ "$target" = "$1" ]; then
        # Equal already: a further generation of the same would be one too many to go back over.
        return 0
    elif [ -n "$2" ]; then
        nix-env --profile "$profile" --switch-generation "$2"
    else
        nix-env --profile "$profile" --set "$1"
    fi
}

verify_running() {
    find_activated
    find_running
    [ "$reboot" = yes ] || [ "$target" = "$activated" ] && return
    cause="activation ended well, but what runs is $target"
    return 1
}

verify_default() {
    find_target "$profile"
    [ "$goal" = test ] || [ "$target" = "$closure" ] && return
    cause="$profile stands at $target after the deployment"
    return 1
}

fall_back() {
    # Who is told to stop while it goes back is on the way there already.
    trap 'told_to_stop=yes' TERM INT
    # Of a machine that cannot be reached, nobody can ask for anything else.
    if [ "$rollback_on_failure" = 0 ] && [ "$unconfirmed" = no ]; then
        finish failed
    fi
    find_activated
    go_back
    if leaving; then
        exit 1 # nothing can be verified any more: the next deployment does
    elif ! back; then
        finish rollback_failed
    elif [ "$goal" != boot ] && { [ -z "$recorded_running" ] || [ "$recorded_running" = "$activated" ]; }; then
        cause="$cause; there is no other system to return to"
        finish failed
    else
        ! may_be_damaged || forget_damaged
        finish rolled_back
    fi
}

go_back() {
    step restore_profile
    # First what a crash would come back on, then what runs.
    if [ -e "$run/default-touched" ] && [ -n "${recorded_default:-$recorded_running}" ]; then
        step make_default "${recorded_default:-$recorded_running}"
    fi
    if [ "$goal" != boot ] && reactivation_helps && ! leaving; then
        generation=''
        if [ "$recorded_running" = "$recorded_default" ]; then
            generation=$recorded_generation
        fi
        step activate "$recorded_running" "$generation"
        back_code=$?
        # Some activations set the profile themselves.
        step restore_profile
    fi
    step drop_new_generations
}

reactivation_helps() {
    [ -n "$recorded_running" ] && [ "$recorded_running" != "$activated" ] || return
    find_boot
    find_running
    # After a reboot that does so, what was recorded has been activated by booting it.
    [ "$boot_activates" = no ] || [ "$recorded_boot" = "$this_boot" ] || [ "$target" != "$recorded_running" ]
}

restore_profile() {
    if [ "$(readlink "$profile")" = "$recorded_link" ]; then
        return
    elif [ -n "$recorded_generation" ]; then
        nix-env --profile "$profile" --switch-generation "$recorded_generation" ||
            nix-env --profile "$profile" --set "$recorded_default"
    elif [ -n "$(generation_of "$profile")" ] && [ "$(closure_of "$profile")" != "$closure" ]; then
        return 1 # a generation that is not this deployment's doing is nobody's to take away
    else
        # No generation: there was no profile, or another tool's own link.
        rm -f "$profile" && { [ -z "$recorded_link" ] || ln -s "$recorded_link" "$profile"; }
    fi
}

drop_new_generations() { # so that "the generation before" never means one that failed
    for number in $(generations_of "$profile"); do
        if [ "$number" -gt "${recorded_newest:-0}" ] && [ "$(closure_of "$profile-$number-link")" = "$closure" ]; then
            if [ -n "$recorded_generation" ]; then
                nix-env --profile "$profile" --delete-generations "$number"
            else
                rm -f "$profile-$number-link"
            fi
        fi
    done
}

back() { # whether the recorded state is what there is now
    [ "$(closure_of "$profile")" = "$recorded_default" ] || return
    [ "$goal" = boot ] || [ -z "$recorded_running" ] || [ "$(running)" = "$recorded_running" ] || return
    case $(meaning "${back_code:-0}") in
        active | units) ;;
        *) return 1 ;;
    esac
}
