# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# nix-darwin. Its launch daemon activates what the profile stands at when the machine boots.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

needs_root=yes
current_system=/run/current-system

present() {
    [ "$(uname -s)" = Darwin ] || [ -e "$current_system/darwin-version" ]
}

default_profile() {
    echo /nix/var/nix/profiles/system
}

refusal() {
    for file in activate systemConfig; do
        [ -e "$1/$file" ] && continue
        printf '%s\n' "$1 is not a nix-darwin system: it has no $file"
        break
    done
}

find_running() {
    find_target "$current_system"
}

activate() {
    # Systems from before mid-2025 have a part that the user runs; newer ones keep a stub that only warns.
    if [ -x "$1/activate-user" ] && ! grep -q '^# nix-darwin: deprecated$' "$1/activate-user"; then
        if [ -z "${SUDO_USER:-}" ]; then
            echo 'this system has an activate-user program, and there is no SUDO_USER to run it as'
            return 1
        fi
        sudo --user="$SUDO_USER" --set-home -- "$1/activate-user" || return
    fi
    "$1/activate"
}

dry_activate() (
    if ! grep -q checkActivation "$1/activate"; then
        echo 'this nix-darwin has no check of an activation'
        exit 1
    fi
    # The script clears its environment on its first line; naming its interpreter keeps the variable.
    interpreter=$(sed -n '1s/.*[! ]//p' "$1/activate")
    checkActivation=1 "$interpreter" "$1/activate"
)

reboot_machine() {
    shutdown -r now ${message:+"$message"}
}

coming_up() {
    [ -n "$(running)" ] || printf 'the system has not been activated yet\n'
}
