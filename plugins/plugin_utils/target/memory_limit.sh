# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Memory that a program may have.

memory_limit_exec() { # command $2… with at most $1 KiB, in place of this shell; where the system knows no such limit, or for '', without
    # shellcheck disable=SC3045  # not POSIX, and there is none where a shell does not know it
    [ -z "$1" ] || ulimit -d "$1" 2>/dev/null
    shift
    exec "$@"
}
