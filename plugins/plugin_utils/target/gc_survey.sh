# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What there is on a machine that could be collected. Reads, and changes nothing.

gc_survey() { # $1: the platform's name; the others: the profiles, by default the platform's own
    say platform "$1"
    shift
    gc_validate && return
    say now "$(date +%s)"
    say space "$(info_store_space)"
    say excess "$(gc_excess || echo unknown)"
    [ "$#" -gt 0 ] || set -- ''
    for asked; do
        profile=$(platform_profile_named "$asked")
        [ -z "$profile" ] || gc_say_generations
    done
    gc_say_roots
    [ ! -e "$state/boot-entries-outdated" ] || say boot_entries outdated
    [ "$check" = 0 ] || gc_say_garbage
}

gc_surveyed=no

gc_survey_present() { # as `gc_survey`, unless that has been done or the machine is none of the platform whose functions are there now
    [ "$gc_surveyed" = no ] && platform_present || return 0
    gc_surveyed=yes
    gc_survey "$@"
}

gc_validate() { # fails when there is none
    if ! command -v nix-env >/dev/null || ! command -v nix-store >/dev/null; then
        say_refused 'there is no Nix on this machine, or not where it usually is' \
            "the PATH was $PATH; set the task's environment if Nix is elsewhere"
    elif [ "$platform_needs_root" = yes ] && ! state_is_root; then
        say_refused "the generations of this platform are root's, and this is $(id -un)" \
            'escalate: become, or ansible_become in the inventory'
    elif [ "$wait" = 0 ] && lock_is_held; then
        say_refused "a deployment is running: $(lock_holder)" "$lock_wait_for_it"
    else
        return 1
    fi
}

gc_say_generations() {
    say profile "$profile"
    ! gc_in_boot_menu || say boot_menu "$profile"
    gc_find_protected
    for number in $(profile_generations "$profile"); do
        link=$profile-$number-link
        why=$(gc_reasons "$number")
        say generation "$number $(info_modified "$link") ${why:--} $(path_closure "$link") $profile"
    done
}

gc_say_roots() { # what is kept for hosts that were built for here, or that this machine has been deployed as
    for kind in built copied; do
        for root in "$(gc_root_path "$kind/")"*; do
            [ ! -e "$root" ] && [ ! -L "$root" ] || say root "$kind/${root##*/}"
        done
    done
}

gc_say_garbage() { # what could go as it is, without any generation going before
    dead=$(nix-store --gc --print-dead 2>/dev/null)
    [ -n "$dead" ] || return 0
    say garbage_paths "$(printf '%s\n' "$dead" | wc -l | tr -d ' ')"
    # Of what is half written, Nix knows no size.
    say garbage_bytes "$(printf '%s\n' "$dead" | xargs nix-store --query --size 2>/dev/null |
        awk '{ total += $1 } END { printf "%.0f\n", total }')"
}
