# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# NixOS. Exit codes of switch-to-configuration: 2 the activation script failed, 4 units failed, 100 needs a reboot.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

needs_root=yes
dry_run_writes=no
boot_activates=yes
boot_entries=yes
current_system=/run/current-system
booted_system=/run/booted-system

present() {
    [ -e /etc/NIXOS ] || [ -e "$current_system/nixos-version" ]
}

default_profile() {
    echo /nix/var/nix/profiles/system
}

refusal() {
    for file in nixos-version bin/switch-to-configuration; do
        [ -e "$1/$file" ] && continue
        printf '%s\n' "$1 is not a NixOS system: it has no $file"
        break
    done
}

booted() {
    closure_of "$booted_system"
}

find_running() {
    find_target "$current_system"
}

switch_to_configuration() {
    NIXOS_INSTALL_BOOTLOADER=$install_bootloader "$1/bin/switch-to-configuration" "$2"
}

# `test` and then `boot`, never `switch`, which installs the boot loader before it has tried anything.
activate() {
    switch_to_configuration "$1" test
}

make_default() {
    switch_to_configuration "$1" boot
}

dry_activate() {
    switch_to_configuration "$1" dry-activate
}

meaning() {
    case $1 in
        0) echo active ;;
        4) echo units ;;
        100) echo reboot ;;
        *) echo failed ;;
    esac
}

find_text() { # set `text` to the first line of file $1, or to nothing
    text=''
    [ ! -r "$1" ] || IFS= read -r text <"$1" || :
}

only_by_reboot() {
    find_text "$1/init-interface-version"
    new=$text
    find_text "$current_system/init-interface-version"
    [ -n "$new" ] && [ "$new" != "$text" ]
}

changed_since_boot() {
    [ -e "$booted_system" ] || return 0
    find_target "$booted_system"
    [ "$target" != "$1" ] || return 0
    for part in kernel initrd kernel-modules dtbs; do
        follow_links "$booted_system/$part"
        booted_part=$resolved
        follow_links "$1/$part"
        [ "$booted_part" = "$resolved" ] || cmp -s "$booted_part" "$resolved" || [ ! -e "$1/$part" ] || printf '%s\n' "$part"
    done
    for part in kernel-params init-interface-version; do
        cmp -s "$booted_system/$part" "$1/$part" || { [ ! -e "$booted_system/$part" ] && [ ! -e "$1/$part" ]; } ||
            printf '%s\n' "$part"
    done
}

leaving() {
    [ "$(systemctl is-system-running 2>/dev/null)" = stopping ]
}

reboot_machine() {
    # shellcheck disable=SC2086  # one word, or none
    systemctl reboot ${message:+--message="$message"}
}

coming_up() (
    state=$(systemctl is-system-running 2>/dev/null)
    case $state in
        initializing | starting | stopping) printf 'systemd is %s\n' "$state" ;;
    esac
)

failed_units() {
    systemctl list-units --failed --plain --no-legend --no-pager 2>/dev/null | cut -d ' ' -f 1
}
