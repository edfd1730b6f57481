# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# The way back to what was recorded, and whether the machine has got there. It reads no file of ours, and needs to write none.

back_code=0 back_why='' back_loader_code='' first_cause=''

way_back() { # ends this deployment
    # What nobody will be there to confirm stays no longer.
    [ "$told_to_stop" = no ] || [ "$confirm_timeout" = 0 ] || unconfirmed=yes
    # Of a machine that cannot be reached, nobody can ask for anything else.
    if [ "$rollback_on_failure" = 0 ] && [ "$unconfirmed" = no ]; then
        outcome_finish failed
    fi
    # Who is told to stop is on the way there already.
    going_back=yes
    first_cause=$cause
    if [ -n "$confirming" ]; then
        deployment_find_default_and_running
        [ "$default_and_running" = "$confirming" ] || ! way_back_is_superseded || way_back_give_way
    fi
    request_find_activated
    # The new system may have taken away what programs of the old one are looked for by.
    own_path=$PATH
    way_back_go
    if platform_leaving; then
        exit 1 # nothing can be verified any more: the next deployment does
    # Who looks may be killed, and has then seen nothing.
    elif ! way_back_is_done && ! way_back_is_done; then
        way_back_explain
        outcome_finish rollback_failed
    elif [ "$goal" != boot ] && { [ -z "$recorded_running" ] || [ "$recorded_running" = "$activated" ]; }; then
        cause="$cause; there is no other $platform_noun to return to"
        [ -n "$recorded_running" ] || way_back_tell_remains
        outcome_finish failed
    else
        way_back_tell_remains
        way_back_tell_boots
        ! damage_is_possible || damage_forget
        outcome_finish rolled_back
    fi
}

way_back_tell_remains() { # what the way back could not take away
    [ "$goal" != boot ] || return 0
    step platform_remains "$activated" "$recorded_running"
    back_remains=$(step_words | sed -e '/^$/d' | head -n 20 | sed -e :more -e '$!N' -e 's/\n/, /' -e 't more')
    [ -z "$back_remains" ] || cause="$cause; left of it on this machine: $back_remains"
}

way_back_tell_boots() { # that the next boot is not the one that it would have been
    [ -z "$boots" ] || [ "$boots" = "$recorded_boots" ] || [ -z "$recorded_boots" ] ||
        cause="$cause; the next boot brings up $boots, and no longer $recorded_boots"
}

way_back_tell_units() { # that what runs again has units that failed
    [ "$back_meaning" = units ] || return 0
    back_units=$(step_words | platform_units_named)
    cause="$cause; on the way back these units failed: ${back_units:-the log may tell which}"
}

way_back_go() {
    way_back_restore_profile
    # Before the boot loader is written: with the failed generation its kernel goes, which may be what there is no room for.
    step way_back_drop_generations
    # First what a crash would come back on, then what runs.
    way_back_restore_default
    if [ "$goal" != boot ] && way_back_reactivation_helps && ! platform_leaving; then
        way_back_reactivate
        # What failed may be what lets anybody in. By then it is no longer too soon for systemd to start it once more.
        [ "$back_meaning:$unconfirmed" != units:yes ] || { clock_sleep 10 && way_back_reactivate; }
        way_back_tell_units
        # Some activations set the profile themselves.
        way_back_restore_profile
        step way_back_drop_generations
    fi
    [ "$back_loader_code" = 0 ] || way_back_restore_default
}

way_back_reactivate() { # sets `back_code`, `back_meaning` and `back_why`
    set -- ''
    [ "$recorded_running" != "$recorded_default" ] || set -- "$recorded_generation"
    step_when_free platform_activate_again "$recorded_running" "$1" "$tried"
    back_code=$?
    # Only its words tell what the exit code of a failed unit may hide.
    back_meaning=$(step_meaning "$back_code")
    case $back_meaning in
        active | units) ;;
        *) back_why=$(step_words | deployment_failure_named "$back_code") ;;
    esac
    [ "$back_code" != 124 ] || step platform_start_stopped "$recorded_running"
}

# Make the boot loader come up with what was recorded, if it may have been written since, and its menu be without the failed one.
way_back_restore_default() {
    way_back_find_booted
    [ -n "$back_booted" ] || return 0
    platform_find_boots
    [ "$default_touched" = yes ] || [ "$boots" != "$recorded_boots" ] || return 0
    way_back_write_boots "$back_booted"
    [ "$back_booted" != "$back_profiles" ] || return 0
    platform_find_boots
    # It may not be of a generation any more, or of one too many.
    [ "$boots" = "$back_booted" ] || way_back_write_boots "$back_profiles"
}

# Set `back_profiles` to what the profile stood at, and `back_booted` to what the machine would have booted: somebody may have chosen
# that, where the profile's does not work.
way_back_find_booted() {
    back_profiles=${recorded_default:-$recorded_running}
    back_booted=$back_profiles
    [ ! -e "$recorded_boots" ] || back_booted=$recorded_boots
}

way_back_write_boots() { # have the boot loader come up with closure $1
    step_when_free platform_make_default_again "$1"
    back_loader_code=$?
}

way_back_reactivation_helps() {
    [ -n "$recorded_running" ] && [ "$recorded_running" != "$activated" ] || return
    process_find_boot
    platform_find_running
    [ "$tried" = yes ] || [ "$target" != "$recorded_running" ] || return
    # After a reboot that does so, what was recorded has been activated by booting it.
    [ "$platform_boot_activates" = no ] || [ "$recorded_boot" = "$this_boot" ] || [ "$target" != "$recorded_running" ]
}

# The link is put back without Nix, which may hang or have no room for its own lock. Only where the generation's number is another's
# by now is it Nix's to make a new one: in a step of its own, lest it keeps what comes next.
way_back_restore_profile() {
    [ "$(readlink "$profile")" != "$recorded_link" ] || way_back_generation_is_gone || return 0
    # Whoever has set it, perhaps to the same closure, may have written a boot loader too, and not each of them can be read.
    default_touched=yes
    if [ -n "$recorded_generation" ]; then
        if way_back_generation_is_gone; then
            step way_back_put_link
            # Outside of Nix's own directory of profiles, a link that Nix does not know of keeps nothing from a collection.
            step_limit=60
            step nix-store --realise "$recorded_default" --add-root "$profile-$recorded_generation-link" --option substitute false
            step_limit=''
        elif [ "$(path_closure "$profile-$recorded_generation-link")" = "$recorded_default" ]; then
            step way_back_put_link
        else
            step_limit=60
            step nix-env --profile "$profile" --set "$recorded_default"
            step_limit=''
        fi
    # A generation that is not this deployment's doing is nobody's to take away.
    elif [ -z "$(profile_generation "$profile")" ] || [ "$(path_closure "$profile")" = "$closure" ]; then
        # There was no profile, or another tool's own link.
        if [ -n "$recorded_link" ]; then step way_back_put_link; else step rm -f "$profile"; fi
    fi
    step path_flush "${profile%/*}"
}

way_back_generation_is_gone() { # but not its closure
    [ -n "$recorded_generation" ] && [ ! -L "$profile-$recorded_generation-link" ] && [ -e "$recorded_default" ]
}

way_back_put_link() { # in one moment where the system can do that: a machine that has no profile does not boot
    ! way_back_generation_is_gone || ln -s "$recorded_default" "$profile-$recorded_generation-link" || return
    rm -f "$profile.fleet"
    # Where there is no room for a link, what there is stays until there is.
    ln -s "$recorded_link" "$profile.fleet" || return
    path_rename "$profile.fleet" "$profile" && return
    rm -f "$profile.fleet"
    rm -f "$profile" && ln -s "$recorded_link" "$profile"
}

way_back_drop_generations() { # so that "the generation before" never means one that failed
    profile_read "$profile"
    for number in $(profile_generations "$profile"); do
        # Where the profile could not be set back, it must lead somewhere until it can be.
        [ "$number" != "$stands_at" ] || continue
        if [ "$number" -gt "${recorded_newest:-0}" ] && [ "$(path_closure "$profile-$number-link")" = "$closure" ]; then
            rm -f "$profile-$number-link"
        fi
    done
}

way_back_is_done() { # whether the recorded state is what there is now
    [ "$(path_closure "$profile")" = "$recorded_default" ] || return
    [ "$goal" = boot ] || [ -z "$recorded_running" ] || [ "$(platform_running)" = "$recorded_running" ] || return
    case ${back_meaning:-active} in
        active | units) ;;
        *) return 1 ;;
    esac
    way_back_boots_recorded
}

way_back_boots_recorded() {
    platform_find_boots
    if [ -n "$boots" ]; then
        [ "$boots" = "${recorded_default:-$recorded_running}" ] || [ "$boots" = "$recorded_boots" ]
    else
        [ "${back_loader_code:-0}" = 0 ]
    fi
}

way_back_explain() { # what is not as it was, and what boots next
    [ "$(platform_running)" = "$recorded_running" ] || cause="$cause; what runs is $(platform_running), and not $recorded_running"
    [ "$(path_closure "$profile")" = "$recorded_default" ] || cause="$cause; $profile could not be returned to $recorded_default"
    case ${back_meaning:-active} in
        active | units) ;;
        *) cause="$cause; activating $recorded_running again ended with exit code $back_code$back_why" ;;
    esac
    if ! way_back_boots_recorded; then
        loader_failed=yes
        cause="$cause; the boot loader could not be written (exit code ${back_loader_code:-0}), and the next boot brings up"
        cause="$cause ${boots:-what it names, which cannot be read here}"
    fi
}

# Once more, on behalf of a supervisor that was killed, or of this one when the machine was not back the last time.
way_back_resume() {
    cause='the supervisor was ended before the deployment was complete'
    step_log=$(step_last_words)
    [ "$failure_reported" = no ] || way_back_read_reported
    step_end_orphans
    # As far as anybody knows by now.
    tried=yes
    [ ! -e ./default-touched ] && [ ! -e "$live/touched-$id" ] || default_touched=yes
    ! way_back_is_superseded || way_back_give_way
    way_back
}

way_back_read_reported() { # why it goes back, which the failure of doing so has not changed
    cause=$(way_back_reported first_cause) advice=$(way_back_reported advice) code=$(way_back_reported exit_code)
    units=$(way_back_reported units_failed) step_log=$(way_back_reported step_log)
}

way_back_give_way() { # end, as somebody else has changed the machine since
    first_cause=$cause
    cause="$first_cause, and somebody else has brought the machine to another $platform_noun since, so nothing was undone"
    path_find_closure "$profile"
    [ "$target" != "$closure" ] || [ "$platform_boot_activates" = no ] || [ "$recorded_boot" = "$this_boot" ] ||
        cause="$first_cause, and the machine has booted what was deployed, which is its default, so nothing was undone"
    way_back_end_unconfirmed || outcome_finish rollback_failed
    outcome_finish superseded
}

# What the next boot brings up is another's by now; what runs may still be what nobody has confirmed.
way_back_end_unconfirmed() { # fails as long as that runs
    [ "$unconfirmed" = yes ] && [ "$goal" != boot ] && [ "$recorded_boot" = "$this_boot" ] && [ -n "$recorded_running" ] || return 0
    platform_find_running
    way_back_runs_own || return 0
    own_path=$PATH going_back=yes
    step_when_free way_back_leave_unconfirmed
    back_code=$?
    back_meaning=$(step_meaning "$back_code")
    cause="$first_cause, and somebody else has made another $platform_noun the default since, so that was left"
    platform_find_running
    case $target:$back_meaning in
        "$recorded_running:active" | "$recorded_running:units")
            cause="$cause; the machine runs again what ran before"
            way_back_tell_units
            ;;
        *)
            [ "$target" != "$recorded_running" ] && ! way_back_runs_own ||
                cause="$cause; activating $recorded_running again ended with exit code $back_code"
            ;;
    esac
    ! way_back_runs_own
}

way_back_leave_unconfirmed() { # unless whoever had the platform's own lock until now has left it already
    request_find_activated
    platform_find_running
    ! way_back_runs_own || platform_activate_again "$recorded_running" '' yes
}

# A system may itself change between its specialisations, by a timer or a rule of its own: that is nobody else's doing.
way_back_runs_own() { # whether $target, which runs, is a part of what was deployed, and not what ran before
    [ "$target" != "$recorded_running" ] || return
    case $target in
        "$activated" | "$closure") return ;;
    esac
    for back_part in "$closure"/specialisation/*; do
        path_follow "$back_part"
        [ "$target" != "$resolved" ] || return 0
    done
    return 1
}

way_back_was_left() { # whether somebody has come again to what this deployment had already gone back from
    [ -n "$(way_back_reported outcome)" ] || return
    path_find_closure "$profile"
    [ "$target" != "$closure" ] || [ "$(way_back_reported default)" = "$closure" ] || return 0
    # What the way back does itself is nobody else's doing, nor is what a boot loader that could not be written brings up.
    [ "$platform_again_sets_running" = no ] || return 1
    [ "$recorded_boot" = "$this_boot" ] || [ -z "$(way_back_reported loader_failed)" ] || return 1
    platform_find_running
    [ "$target" = "$activated" ] && [ "$(way_back_reported running)" != "$activated" ]
}

way_back_reported() { # print field $1 of what has been told of this deployment's end
    # Its own directory may be hidden by now.
    run_find_outcome "$run" || outcome_file=./outcome
    [ ! -s "$outcome_file" ] || sed -n "s/^$1=//p" "$outcome_file"
}

way_back_is_superseded() { # whether there is something by now that this deployment has neither found nor made
    process_find_boot
    request_find_activated
    way_back_was_left && return
    platform_find_boots
    path_find_closure "$profile"
    case $target in
        "$closure")
            # Where booting activates, what has been booted and is the default is as whole as a repair by hand would make it.
            platform_find_running
            if [ "$platform_boot_activates" = yes ] && [ "$recorded_boot" != "$this_boot" ] &&
                { [ "$target" = "$activated" ] || [ "$target" = "$closure" ]; } && { [ -z "$boots" ] || [ "$boots" = "$closure" ]; }; then
                return 0
            fi
            ;;
        # A profile that leads nowhere is one that could not be linked back, or is being replaced.
        '' | "$recorded_default") ;;
        *) return 0 ;;
    esac
    [ "$goal" != boot ] || return 1
    platform_find_running
    case $target in
        '' | "$recorded_running" | "$recorded_default") return 1 ;;
    esac
    ! way_back_runs_own
}

# A loss of power can empty files that had not reached the disk, in paths that Nix takes for whole ever after: then no
# deployment of that closure works, and none copies it again.

damage_is_possible() { # whether the failure can be one of files, which show when they are first used after a boot
    process_find_boot
    [ "$told_to_stop" = no ] && { [ "$unconfirmed" = no ] || [ "$recorded_boot" != "$this_boot" ]; }
}

damage_forget() { # after going back: have what is damaged of the new closure brought again by the next deployment
    step damage_find && [ -s ./damaged ] || return 0
    cause="$cause; damaged on this machine: $(tr '\n' ' ' <./damaged)"
    rm -f ./closure
    for root in "$state"/gcroots/copied/*/*; do
        [ "$(readlink "$root")" != "$closure" ] || rm -f "$root"
    done
    # A step's environment would name what this one deletes.
    recorded=''
    if step damage_delete; then
        cause="$cause, now deleted, so that the next deployment brings it anew"
    fi
}

damage_find() { # what of the closure is not as it came here, leaving out what the recorded system has as well
    cd "$run" || return
    nix-store --query --requisites "$recorded_running" >./known || return
    nix-store --query --requisites "$closure" | grep -vxF -f ./known |
        xargs nix-store --verify-path 2>&1 | sed -n "s/^[^']*path '\([^']*\)' was modified!.*/\1/p" >./damaged
}

damage_delete() { # Nix deletes nothing that is in use
    cd "$run" || return
    xargs nix-store --delete <./damaged
}
