# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# A loss of power can empty files that had not reached the disk, in paths that Nix takes for whole ever after: then no
# deployment of that closure works, and none copies it again.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

may_be_damaged() { # whether the failure can be one of files, which show when they are first used after a boot
    find_boot
    [ "$told_to_stop" = no ] && { [ "$unconfirmed" = no ] || [ "$recorded_boot" != "$this_boot" ]; }
}

forget_damaged() { # after going back: have what is damaged of the new closure brought again by the next deployment
    step find_damaged && [ -s "$run/damaged" ] || return 0
    cause="$cause; damaged on this machine: $(tr '\n' ' ' <"$run/damaged")"
    rm -f "$run/closure"
    for root in "$state"/gcroots/copied/*/*; do
        [ "$(readlink "$root")" != "$closure" ] || rm -f "$root"
    done
    if step delete_damaged; then
        cause="$cause, now deleted, so that the next deployment brings it anew"
    fi
}

find_damaged() { # what of the closure is not as it came here, leaving out what the recorded system has as well
    nix-store --query --requisites "$recorded_running" >"$run/known" || return
    nix-store --query --requisites "$closure" | grep -vxF -f "$run/known" |
        xargs nix-store --verify-path 2>&1 | sed -n "s/^[^']*path '\([^']*\)' was modified!.*/\1/p" >"$run/damaged"
}

delete_damaged() { # Nix deletes nothing that is in use
    xargs nix-store --delete <"$run/damaged"
}
