# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Time. What waits counts its own sleeps, since the activation itself may set the clock.

hundredths=0 clock='' clock_exact=''

clock_pause() { # wait a moment, a shorter one at first; adds it to `hundredths`
    # Each is a process, and of those who wait there are many on machines that share their processors.
    if [ "$hundredths" -lt 20 ]; then
        clock_nap=10
    elif [ "$hundredths" -lt 200 ]; then
        clock_nap=20
    else
        clock_nap=40
    fi
    if sleep "0.$clock_nap" 2>/dev/null; then
        hundredths=$((hundredths + clock_nap))
    else
        sleep 1 # this sleep counts whole seconds only
        hundredths=$((hundredths + 100))
    fi
}

# Set `clock` to seconds that no change of the date touches, where the system has them, and `clock_exact` to the same with what it
# has of their parts.
clock_read() {
    if [ -r /proc/uptime ]; then
        read -r clock_exact _ </proc/uptime
    else
        clock_exact=$(date +%s)
    fi
    clock=${clock_exact%%.*}
}

clock_date() { # print the date and time
    # In place of the shell of the `$(…)` that this is called in.
    exec date -u +%Y-%m-%dT%H:%M:%SZ
}
