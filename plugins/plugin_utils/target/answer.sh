# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What a program answers to the controller: lines `key=value`, each on one line whatever is in it.

answer_say() { # key, value
    printf '%s=%s\n' "$1" "$(printf '%s' "$2" | tr '\n' '?')"
}

answer_fail() { # end the program: $1 the code of the error, $2 why, $3 what to do
    answer_say code "$1"
    answer_say cause "$2"
    answer_say advice "$3"
    exit 1
}
