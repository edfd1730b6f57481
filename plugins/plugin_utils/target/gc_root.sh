# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Keeps what was copied to this machine from its garbage collector.

gc_root_keep() { # paths $2…, in place of those that were last kept under name $1; fails where the store lacks any of them
    state_find
    gc_root_copied=$state/gcroots/copied
    gc_roots=$gc_root_copied/$1
    shift
    # A link in place of a directory is none of ours, or no longer.
    for gc_root_directory in "$gc_root_copied" "$gc_roots"; do
        [ ! -L "$gc_root_directory" ] || rm -f "$gc_root_directory"
    done
    [ -d "$gc_roots" ] || mkdir -p "$gc_roots" || return 1

    # A derivation would be built for that: it is copied to be built, and whoever builds it keeps it.
    gc_root_derivations=''
    for gc_root_path; do
        shift
        case $gc_root_path in
            *.drv) gc_root_derivations=yes && { nix-store --check-validity "$gc_root_path" || return 1; } ;;
            *) set -- "$@" "$gc_root_path" ;;
        esac
    done
    [ $# -gt 0 ] || [ -z "$gc_root_derivations" ] || return 0

    # The links are 1, 1-2, 1-3, ... as Nix numbers them. None of an earlier, longer list stays: what is kept is bounded.
    # Nothing is fetched for it, so that it is the proof as well that the paths are there.
    nix-store --realise "$@" --add-root "$gc_roots/1" --option substitute false >/dev/null || return 1
    for gc_root in "$gc_roots"/*; do
        case ${gc_root##*/} in
            1) ;;
            1-*) [ "${gc_root##*/1-}" -le $# ] 2>/dev/null || rm -f "$gc_root" ;;
            *) rm -f "$gc_root" ;;
        esac
    done
}
