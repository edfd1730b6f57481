# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
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
