# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Where the program that lies on the target begins.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

main() {
    log=$run/log
    case $1 in
        run) shell=$(command -v sh) && supervise ;;
        recover) shell=$(command -v sh) && recover "${2:-$run/holder}" ;;
        step)
            shift
            [ ! -e "$run/recorded" ] || read_recorded
            "$@"
            ;;
    esac
}
