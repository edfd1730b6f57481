# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Whether what is written to a directory stays in memory.

memory_holds_directory() { # whether the working directory is on a file system that has no disk
    case $(stat -f -c %T . 2>/dev/null) in
        tmpfs | ramfs) return 0 ;;
    esac
    # As BSD and macOS say it, whose stat has other options.
    memory_place=$(df -P . | tail -n 1)
    case $(mount 2>/dev/null) in
        *" on ${memory_place##*% } (tmpfs"*) return 0 ;;
    esac
    return 1
}

# Memory that a program may have.

memory_limit_exec() { # command $2… with at most $1 KiB, in place of this shell; where the system knows no such limit, or for '', without
    # shellcheck disable=SC3045  # not POSIX, and there is none where a shell does not know it
    [ -z "$1" ] || ulimit -d "$1" 2>/dev/null
    shift
    exec "$@"
}
