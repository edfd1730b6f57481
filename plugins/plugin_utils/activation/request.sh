# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What the controller asks for, and what that means on this machine.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

read_request() { # each argument is key=value, and becomes the variable of that name
    for argument; do
        key=${argument%%=*}
        case $key in
            id | who | of_run | entry | profile | closure | rollback | goal | program | specialisation | install_bootloader | \
                rollback_on_failure | failed_units | activation_timeout | confirm_timeout | backup_extension | nix_config | check)
                eval "$key=\${argument#*=}"
                ;;
        esac
    done
    find_state
    run=$state/runs/$id
    if [ -n "$nix_config" ]; then
        NIX_CONFIG="${NIX_CONFIG:+$NIX_CONFIG
}$nix_config"
        export NIX_CONFIG
    fi
    profile=$(profile_named "$profile")
}

find_activated() { # set `activated` to what becomes active: the closure, or a specialisation inside it
    activated=$closure
    if [ -n "$specialisation" ]; then
        follow_links "$closure/specialisation/$specialisation"
        activated=$resolved
    fi
}

settled() { # whether the last deployment of this profile left nothing half done
    nothing_interrupted && { [ ! -e "$state/unsettled" ] || ! grep -qFx -e "$profile" "$state/unsettled"; }
}

nothing_to_do() { # of what it observes when there is a closure
    if [ -z "$closure" ]; then
        # There is nothing to go back from, unless a deployment has been interrupted which goes back by itself.
        nothing_interrupted
        return
    fi
    [ "$install_bootloader" = 0 ] && settled || return
    observe
    find_activated
    case $goal in
        test) [ "$running_now" = "$activated" ] ;;
        boot) [ "$default_now" = "$closure" ] ;;
        *)
            [ "$default_now" = "$closure" ] || return
            [ "$running_now" = "$activated" ] || only_by_reboot "$closure"
            ;;
    esac
}
