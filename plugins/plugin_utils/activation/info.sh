# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Facts of a machine with Nix, one `key=value` a line. Reads, and changes nothing.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

describe_machine() {
    say user "$(id -un)"
    say login_user "${SUDO_USER:-${DOAS_USER:-$(id -un)}}"
    say host "$(uname -n)"
    say boot_id "$(boot_id)"
    say kernel_running "$(uname -r)"
    [ ! -d /run/systemd/system ] || say has_systemd yes
    command -v nix >/dev/null || return 0
    say nix_version "$(nix --version)"
    say system "$(nix_config system)"
    [ ! -S /nix/var/nix/daemon-socket/socket ] || say multi_user yes
    ! trusted || say trusted yes
    store_space | while read -r total free; do
        say store_total_kib "$total"
        say store_free_kib "$free"
    done
}

store_space() { # the size of the store's file system and what is free there, in KiB
    # POSIX says what the columns are: total, used and free are the second to the fourth.
    df -Pk "$store" 2>/dev/null | awk 'END { print $2, $4 }'
}

nix_config() {
    nix --extra-experimental-features nix-command config show "$1" 2>/dev/null
}

trusted() ( # whether the user who logs in may give the store unsigned paths
    login=${SUDO_USER:-${DOAS_USER:-$(id -un)}}
    if [ "$login" = "$(id -un)" ]; then
        nix --extra-experimental-features nix-command store info --json 2>/dev/null | grep -Eq '"trusted": ?(true|1)'
        exit
    fi
    # Another user's word is not had from the daemon, but its settings and the user's groups say the same.
    for entry in $(nix_config trusted-users); do
        case $entry in
            '*' | "$login") exit 0 ;;
            @*) for group in $(id -Gn "$login"); do [ "@$group" != "$entry" ] || exit 0; done ;;
        esac
    done
    exit 1
)

describe_profile() { # $1: the platform's name
    say platform "$1"
    say profile "$profile"
    say default "$(closure_of "$profile")"
    say generation "$(generation_of "$profile")"
    say current_system "$(running)"
    specialisations_that_run | head -n 1
    say booted_system "$(booted)"
    kernel=$(echo "$(running)"/kernel-modules/lib/modules/*)
    [ ! -d "$kernel" ] || say kernel_current "${kernel##*/}"
    # The default too: it may be one that cannot become active in the running system at all.
    if reboot_required "$(running)" || reboot_required "$(closure_of "$profile")"; then
        say reboot_required yes
    fi
    failed_units | while read -r unit; do
        say failed_unit "$unit"
    done
    for number in $(generations_of "$profile"); do
        say generations "$number $(modified "$profile-$number-link") $(closure_of "$profile-$number-link")"
    done
}

# What runs is the store path of the specialisation, whose name says nothing of the closure that it is one of.
specialisations_that_run() (
    running=$(running)
    for path in "$(closure_of "$profile")"/specialisation/*; do
        [ ! -e "$path" ] || [ "$(resolve "$path")" != "$running" ] || say specialisation "${path##*/}"
    done
)

modified() { # when the link $1 was made, in seconds since 1970, as GNU and busybox or as BSD say it
    stat -c %Y "$1" 2>/dev/null || stat -f %m "$1" 2>/dev/null || echo unknown
}

describe_deployments() { # $1: how many entries of the journal
    find_state
    if [ -e "$state/lock" ]; then
        for key in id who pid started; do
            say "lock_$key" "$(field "$key" "$state/lock")"
        done
        ! holder_alive "$state/lock" || say lock_alive yes
    fi
    holder_alive "$state/lock" || nothing_interrupted || say interrupted yes
    [ "$1" = 0 ] || [ ! -r "$state/journal.jsonl" ] || tail -n "$1" "$state/journal.jsonl" | sed 's/^/journal=/'
}
