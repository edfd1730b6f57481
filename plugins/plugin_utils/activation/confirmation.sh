# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Whether the machine can still be reached is known on the other side only: a verdict from there, or none in time.
# The verdict is a symbolic link, since of several that are made at once just one comes to be.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

confirmed() { # wait for the verdict on what runs now, when one is wanted; fails when it is not a good one
    # Whatever is not plainly 0 wants one.
    [ "$confirm_timeout" != 0 ] || return 0
    hundredths=0
    # Renamed and not written, since the disk may have become full by now. Whoever sees it is waited for already.
    mv -f "$run/awaiting.new" "$run/awaiting"
    until [ -L "$run/verdict" ] || [ "$told_to_stop" = yes ] || [ "$hundredths" -ge $((confirm_timeout * 100)) ]; do
        pause
    done
    [ -L "$run/verdict" ] || give_verdict expired
    case $(verdict) in
        confirmed)
            confirmation=yes
            return
            ;;
        rejected) cause="it was rejected: $(head -n 1 "$run/reason" 2>/dev/null)" ;;
        *)
            cause="nobody confirmed over a new connection within $confirm_timeout s that the machine can still be reached"
            [ "$told_to_stop" = no ] || cause='the supervisor was told to stop before the new system had been confirmed'
            ;;
    esac
    unconfirmed=yes
    return 1
}

give_verdict() { # $1, unless there is one already; fails when there is none then
    # On a full disk, by the room that is kept for the end.
    ln -s "$1" "$run/verdict" 2>/dev/null || [ -L "$run/verdict" ] || { rm -f "$run/reserve" && ln -s "$1" "$run/verdict"; }
}

verdict() {
    # In place of the shell of the `$(…)` that this is called in.
    exec readlink "$run/verdict" 2>/dev/null
}

awaiting() { # whether a supervisor that is alive waits for the verdict
    [ -e "$run/awaiting" ] && [ ! -L "$run/verdict" ] && holder_alive "$run/holder"
}
