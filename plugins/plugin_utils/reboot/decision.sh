# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Whether the machine reboots. Who asked and who was started to do it may each give up waiting for the other, and then only
# one of them is right: a symbolic link, since of several that are made at once just one comes to be.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

decide() { # that the machine reboots (`asked`), or why it does not; fails when it has been decided already
    # On a full disk, by the room that is kept for this.
    ln -s "$1" "$run/decision" 2>/dev/null ||
        { [ ! -L "$run/decision" ] && run_free_reserve && ln -s "$1" "$run/decision" 2>/dev/null; }
}

decision() {
    readlink "$run/decision" 2>/dev/null
}
