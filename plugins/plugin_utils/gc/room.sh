# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# How much is to be freed, as the store is now.
# shellcheck disable=SC2154  # one program in several files, which share variables

# Print how many bytes are too many, by $quota (bytes that the store may have) and by $free_space (bytes, or N%, that are to
# be free); zero or less when there is room, nothing when no room is asked for. Fails when the store does not say its size.
excess() (
    [ -n "$quota$free_space" ] || exit 0
    most=0
    if [ -n "$quota" ]; then
        size=$(store_size) || exit 1
        most=$((size - quota))
    fi
    if [ -n "$free_space" ]; then
        # shellcheck disable=SC2046  # two numbers are what is wanted
        set -- $(info_store_space)
        [ "$#" = 2 ] || exit 1
        case $free_space in
            *%) wanted=$(($1 * 1024 * ${free_space%?} / 100)) ;;
            *) wanted=$free_space ;;
        esac
        lacking=$((wanted - $2 * 1024))
        [ "$lacking" -le "$most" ] || most=$lacking
    fi
    printf '%s\n' "$most"
)

store_size() { # the sizes of all paths of the store together, in bytes
    sizes=$(nix --extra-experimental-features nix-command path-info --all --size 2>/dev/null) || return
    # awk counts exactly up to 2^53, and prints more than 2^31 in this form only.
    printf '%s\n' "$sizes" | awk '{ total += $2 } END { printf "%.0f\n", total }'
}
