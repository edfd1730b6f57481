# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# The directory of a deployment or a reboot: a program lies there that goes on without the connection, perhaps as root. So
# it is made by whoever is to run it, and is believed only where nobody else can have put anything.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

claim() ( # make $run, with what `write_program` writes; when that fails, decline, unless $run has been made before
    umask 077
    if ! { mkdir -p "$state/runs" && chmod 700 "$state" && mkdir "$run"; }; then
        # The same script on another connection may have been faster, and then the directory is that one's.
        [ -d "$run" ] || decline_unwritable
        exit 1
    fi
    if ! all_ours; then
        rmdir "$run"
        decline_foreign
        exit 1
    fi
    find_boot
    # A link, since one is never half written.
    ln -s "boot $this_boot" "$run/boot" &&
        write_program >"$run/program" &&
        # Room for the outcome, should the disk fill up in the meantime.
        printf '%65536s' '' >"$run/reserve" && exit
    give_back
    exit 1
)

give_back() { # what has been claimed and cannot be filled
    rm -rf "$run"
    decline_unwritable
}

all_ours() { # whether what leads to $run and to all other programs belongs to us
    # shellcheck disable=SC3067  # POSIX has no -O, but every sh does; of links and of who made them it says nothing
    [ -O "$run" ] && have_one_owner "$state" "$state/." "$state/runs" "$state/runs/." "$state"/runs/*
}

have_one_owner() { # whether the files $@ belong to one and the same user
    # `find -printf` and `stat` are not everywhere; a name that breaks the line is not ours.
    listing=$(ls -ldn "$@")
    first_owner=''
    while read -r _mode _links owner _; do
        first_owner=${first_owner:-$owner}
        [ -n "$owner" ] && [ "$owner" = "$first_owner" ] || return
    done <<EOF_OF_LISTING
$listing
EOF_OF_LISTING
}

decline() { # refuse before anything has been touched: $1 why, $2 what to do
    say outcome refused
    say cause "$1"
    say advice "$2"
}

decline_foreign() {
    decline "$state, or something in it, belongs to another user" "see what it is (ls -ln $state), and remove it"
}

decline_unwritable() {
    decline "$run cannot be written" 'check the free space and the permissions of the file system'
}
