# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs the words that follow, unless a file says that there is no need. What it has to say of that itself are lines of standard
# error that begin with a mark of their own.
#   Before: mark check chdir creates removes seconds package name, and a function `given` that prints the command's input.
# shellcheck disable=SC2154  # set by the program, which puts the parts together

say() {
    printf '\n%s %s\n' "$mark" "$1" >&2
}

refuse() { # end before the command has begun: $1 why, $2 what to do
    say "refused $1; $2"
    exit 1
}

at_home() { # a path that may begin with ~/
    # shellcheck disable=SC2088  # the tilde is that of the argument, which no shell has seen
    case $1 in
    '~') printf '%s\n' "$HOME" ;;
    '~/'*) printf '%s\n' "$HOME/${1#'~/'}" ;;
    *) printf '%s\n' "$1" ;;
    esac
}

exists() ( # $1: a path, or a pattern of paths, which may have spaces in it
    IFS=''
    pattern=$(at_home "$1")
    for found in $pattern; do
        if [ -e "$found" ] || [ -L "$found" ]; then exit 0; fi
    done
    exit 1
)

own_program() { # of the package: the only one, or the one of its name
    set -- "$package"/bin/*
    if [ "$#" = 1 ] && [ -x "$1" ]; then
        printf '%s\n' "$1"
    elif [ -f "$package/bin/$name" ] && [ -x "$package/bin/$name" ]; then
        printf '%s\n' "$package/bin/$name"
    else
        return 1
    fi
}

run() {
    late=''
    say begin
    if [ -n "$seconds" ]; then
        limited "$seconds" "$@"
    else
        "$@"
    fi
    code=$?
    say "end $late"
    return "$code"
}

begin() {
    if [ -n "$chdir" ] && ! CDPATH='' cd -- "$(at_home "$chdir")"; then
        say 'no directory'
    elif [ -n "$creates" ] && exists "$creates"; then
        say created
    elif [ -n "$removes" ] && ! exists "$removes"; then
        say removed
    elif [ "$check" = 1 ]; then
        say would
    elif [ "$#" = 0 ] && ! program=$(own_program); then
        say "no program $(cd "$package/bin" 2>/dev/null && echo *)"
    else
        [ "$#" -gt 0 ] || set -- "$program"
        # A command that does not read all of it says so by its own exit code, if it minds.
        given 2>/dev/null | run "$@"
    fi
}
