# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What the machine runs and boots now, and whether that is what is asked for.

generation_now='' default_now='' running_now='' boots='' reboot=no
missing='' missing_code='' remedy=''

current_observe() { # set what the machine runs, what its profile stands at, and what it boots where that is known
    profile_read "$profile"
    generation_now=$stands_at default_now=$target
    platform_find_running
    running_now=$target
    platform_find_boots
}

current_say() { # what was observed
    say noun "$platform_noun"
    say profile "$profile"
    say generation "$generation_now"
    say default "$default_now"
    say running "$running_now"
    say boots "$boots"
    if [ "$reboot" = yes ] || platform_reboot_required "$closure"; then
        say reboot_required yes
    fi
}

current_answer() { # answer with outcome $1 and what was observed, which nothing has changed
    say outcome "$1"
    say previous_generation "$generation_now"
    say previous_closure "$default_now"
    say previous_running "$running_now"
    current_say
}

current_is_up_to_date() { # observe, and say whether there is nothing to do
    current_observe
    if [ -z "$closure" ]; then
        # There is nothing to go back from, unless a deployment has been interrupted which goes back by itself.
        runs_none_interrupted
        return
    fi
    [ "$install_bootloader" = 0 ] && current_is_whole || return
    request_find_activated
    case $goal in
        test) [ "$running_now" = "$activated" ] ;;
        boot) current_is_default ;;
        *)
            current_is_default || return
            [ "$running_now" = "$activated" ] || platform_only_by_reboot "$closure"
            ;;
    esac
}

current_is_default() { # whether profile and, where that can be read, boot loader stand at the closure
    [ "$default_now" = "$closure" ] && { [ -z "$boots" ] || [ "$boots" = "$closure" ]; }
}

current_is_whole() { # whether the last deployment of this profile left nothing half done
    runs_none_interrupted && { [ ! -e "$state/half_active" ] || ! grep -qFx -e "$profile" "$state/half_active"; }
}
