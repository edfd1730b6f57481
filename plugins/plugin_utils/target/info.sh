# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Facts of a machine with Nix, one `key=value` a line. Reads, and changes nothing.

info_machine() {
    say user "$(id -un)"
    say login_user "${SUDO_USER:-${DOAS_USER:-$(id -un)}}"
    say host "$(uname -n)"
    say boot_id "$(process_boot)"
    say kernel_running "$(uname -r)"
    [ ! -d /run/systemd/system ] || say has_systemd yes
    command -v nix >/dev/null || return 0
    say nix_version "$(nix --version)"
    say system "$(info_nix_config system)"
    [ ! -S /nix/var/nix/daemon-socket/socket ] || say multi_user yes
    ! info_trusted || say trusted yes
    info_store_space | while read -r total free; do
        say store_total_kib "$total"
        say store_free_kib "$free"
    done
}

info_store_space() { # the size of the store's file system and what is free there, in KiB
    # POSIX says what the columns are: total, used and free are the second to the fourth.
    df -Pk "$store" 2>/dev/null | awk 'END { print $2, $4 }'
}

info_nix_config() {
    nix --extra-experimental-features nix-command config show "$1" 2>/dev/null
}

info_trusted() ( # whether the user who logs in may give the store unsigned paths
    login=${SUDO_USER:-${DOAS_USER:-$(id -un)}}
    if [ "$login" = "$(id -un)" ]; then
        nix --extra-experimental-features nix-command store info --json 2>/dev/null | grep -Eq '"trusted": ?(true|1)'
        exit
    fi
    # Another user's word is not had from the daemon, but its settings and the user's groups say the same.
    for entry in $(info_nix_config trusted-users); do
        case $entry in
            '*' | "$login") exit 0 ;;
            @*) for group in $(id -Gn "$login"); do [ "@$group" != "$entry" ] || exit 0; done ;;
        esac
    done
    exit 1
)

info_described=no

# Describe the profile $2 of platform $1, whose functions are there now, unless a platform has been described: `named`, or only where
# the machine is one of it.
info_describe() { # $3: `named` or `present`
    [ "$info_described" = no ] || return 0
    [ "$3" = named ] || platform_present || return 0
    info_described=yes
    profile=$(platform_profile_named "$2")
    info_profile "$1"
}

info_profile() { # $1: the platform's name
    say platform "$1"
    say profile "$profile"
    say default "$(path_closure "$profile")"
    say generation "$(profile_generation "$profile")"
    say current_system "$(platform_running)"
    info_specialisations_that_run | head -n 1
    say booted_system "$(platform_booted)"
    kernel=$(echo "$(platform_running)"/kernel-modules/lib/modules/*)
    [ ! -d "$kernel" ] || say kernel_current "${kernel##*/}"
    # The default too: it may be one that cannot become active in the running system at all.
    if platform_reboot_required "$(platform_running)" || platform_reboot_required "$(path_closure "$profile")"; then
        say reboot_required yes
    fi
    platform_failed_units | while read -r unit; do
        say failed_unit "$unit"
    done
    for number in $(profile_generations "$profile"); do
        say generations "$number $(info_modified "$profile-$number-link") $(path_closure "$profile-$number-link")"
    done
}

# What runs is the store path of the specialisation, whose name says nothing of the closure that it is one of.
info_specialisations_that_run() (
    running=$(platform_running)
    for path in "$(path_closure "$profile")"/specialisation/*; do
        [ ! -e "$path" ] || [ "$(path_resolve "$path")" != "$running" ] || say specialisation "${path##*/}"
    done
)

info_modified() { # when the link $1 was made, in seconds since 1970, as GNU and busybox or as BSD say it
    stat -c %Y "$1" 2>/dev/null || stat -f %m "$1" 2>/dev/null || echo unknown
}

info_deployments() { # $1: how many entries of the journal
    state_find
    if lock_is_there; then
        lock_read
        say lock_id "$lock_id"
        say lock_who "$lock_who"
        say lock_pid "$lock_pid"
        say lock_started "$lock_started"
        if lock_is_held; then
            say lock_alive yes
            lock_find_left
            say lock_left "$lock_left"
        fi
    fi
    lock_is_held || runs_none_interrupted || say interrupted yes
    [ "$1" != 0 ] || return 0
    [ ! -r "$state/journal.jsonl" ] || tail -n "$1" "$state/journal.jsonl" | sed 's/^/journal=/'
    info_unwritten
}

info_unwritten() { # what the journal would have, had there been a place to write it to
    for file in "$live"/outcome-*; do
        [ "$file" = "${file%.fleet}" ] || continue # one that was cut off
        unwritten=$(sed -n 's/^entry=//p' "$file" 2>/dev/null)
        [ -z "$unwritten" ] || grep -qFx -e "$unwritten" "$state/journal.jsonl" 2>/dev/null || say journal "$unwritten"
    done
}

# Whether this machine runs an installed NixOS. An installer is one as well, but has no profile of a system.

info_installed() {
    if [ -e /run/current-system/nixos-version ] && [ -L /nix/var/nix/profiles/system ] &&
        ! grep -Eqs '^VARIANT_ID="?installer"?$' /etc/os-release; then
        printf 'installed=%s\n' "$(cat /run/current-system/nixos-version)"
    else
        # shellcheck disable=SC1091  # the machine's own
        printf 'os=%s\n' "$(. /etc/os-release 2>/dev/null && printf '%s' "${PRETTY_NAME:-}")"
    fi
}
