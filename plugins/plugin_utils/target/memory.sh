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
