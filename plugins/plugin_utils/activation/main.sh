# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Where the program that lies on the target begins.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

main() {
    shell=$(command -v sh)
    log=$run/log
    case $1 in
        run) supervise ;;
        recover) recover "${2:-$run/holder}" ;;
        step)
            shift
            [ ! -e "$run/recorded" ] || read_recorded
            "$@"
            ;;
    esac
}
