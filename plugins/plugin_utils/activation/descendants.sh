# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Which processes one has started, told by their parents: where no group holds them together.

# The oldest first: a parent that outlived its child would go on to what comes next.
descendants() { # process $1 and all that descend from it
    ps -A -o pid= -o ppid= | awk -v root="$1" '
        { parent[$1] = $2 }
        END {
            for (process in parent) {
                for (ancestor = process; ancestor != root && ancestor in parent; ancestor = parent[ancestor]) { }
                if (ancestor == root) print process
            }
        }' | sort -n
}
