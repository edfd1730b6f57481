# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Which processes one has started, told by their parents: where no group holds them together.

# Parents before their children: one that outlived its child would go on to what comes next.
descendants() { # process $1 and all that descend from it
    ps -A -o pid= -o ppid= | awk -v root="$1" '
        { parent[$1] = $2 }
        END {
            for (process in parent) {
                depth = 0
                for (ancestor = process; ancestor != root && ancestor in parent; ancestor = parent[ancestor]) depth++
                if (ancestor == root) print depth, process
            }
        }' | sort -n | cut -d " " -f 2
}
