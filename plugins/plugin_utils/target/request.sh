# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What the controller asks for, and what that means on this machine.

entry='' closure='' rollback='' goal='switch' activate='' specialisation='' install_bootloader=0
rollback_on_failure=1 failed_units='fail' activation_timeout=600 confirm_timeout=0 no_check=0 backup_extension=''
check=0 activated=''

request_read() { # each argument is key=value, and becomes the variable of that name
    for argument; do
        request_key=${argument%%=*}
        case $request_key in
            id | who | of_run | entry | profile | closure | rollback | goal | activate | specialisation | install_bootloader | \
                rollback_on_failure | failed_units | activation_timeout | confirm_timeout | lock_timeout | no_check | \
                backup_extension | check)
                eval "$request_key=\${argument#*=}"
                ;;
        esac
    done
    case $closure in
        "$store//"*) closure=$store/${closure#"$store//"} ;;
    esac
    state_find_run
    profile=$(platform_profile_named "$profile")
}

request_find_activated() { # set `activated` to what becomes active: the closure, or a specialisation inside it
    activated=$closure
    if [ -n "$specialisation" ]; then
        path_follow "$closure/specialisation/$specialisation"
        activated=$resolved
    fi
}

request_use_settings() { # $1, Nix's settings, which may be secret: so they are neither in the request nor in the program
    [ -n "$1" ] || return 0
    case $newline${NIX_CONFIG:-} in
        *"$newline$1") ;; # None, or those of the process that this one goes on for.
        *) export NIX_CONFIG="${NIX_CONFIG:+$NIX_CONFIG$newline}$1" ;;
    esac
}
