# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# The lock file of a flake: replaced in one step, and committed beside the branch that is checked out.

lock_file_replace() { # lock file $1 by file $3, if it is still what file $2 has; exit code 75 when somebody else has changed it
    if [ -e "$1" ]; then
        cmp -s -- "$1" "$2" || exit 75
        cp -p -- "$1" "$1.nix-fleet.$$"
    elif [ -s "$2" ]; then
        exit 75
    fi
    # Nobody ever reads half a file.
    cat -- "$3" >"$1.nix-fleet.$$" && mv -f -- "$1.nix-fleet.$$" "$1" && exit
    rm -f -- "$1.nix-fleet.$$"
    exit 1
}

lock_file_withdraw() { # remove lock file $1, if it is still what file $2 has
    cmp -s -- "$1" "$2" && rm -f -- "$1"
}

lock_file_write() { # data $1 to file $2; compressed, since a lock file can be longer than an argument may be
    printf %s "$1" | base64 -d | gzip -d >"$2"
}

# Print a commit of lock file $3 with message $5 on top of $4, in the repository of directory $1. Its tree is made in an index of its
# own, file $2: the user's index and working tree stay as they are. A job server's user often has no name: the branch is for review,
# and a name of ours will do.
lock_file_commit_beside() (
    export GIT_INDEX_FILE="$2"
    cd -- "$1" &&
        prefix=$(git rev-parse --show-prefix) &&
        git read-tree "$4" &&
        blob=$(git hash-object -w -- "$3") &&
        git update-index --add --cacheinfo "100644,$blob,${prefix}flake.lock" &&
        tree=$(git write-tree) &&
        if ! git var GIT_COMMITTER_IDENT >/dev/null 2>&1; then
            export GIT_AUTHOR_NAME="${GIT_AUTHOR_NAME:-nix.fleet}" GIT_AUTHOR_EMAIL="${GIT_AUTHOR_EMAIL:-nix.fleet@localhost}"
            export GIT_COMMITTER_NAME="$GIT_AUTHOR_NAME" GIT_COMMITTER_EMAIL="$GIT_AUTHOR_EMAIL"
        fi &&
        git commit-tree "$tree" -p "$4" -m "$5"
)
