# shellcheck shell=sh
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Ends well where this machine fetches from binary caches, and each of them answers soon.
#   fetching.sh SECONDS
seconds=$1

ask_nix() {
  nix --extra-experimental-features nix-command "$@" 2>/dev/null
}

[ "$(ask_nix config show substitute)" = true ] || exit 1
stores=$(ask_nix config show substituters)
[ -n "$stores" ] || exit 1

# What cannot be bounded in time, such as a login to another machine, is for those who ask for it.
set -f
for store in $stores; do
  case $store in http://* | https://* | file://*) ;; *) exit 1 ;; esac
done

# What Nix remembers of a cache is no answer.
memory=$(mktemp -d "${TMPDIR:-/tmp}/nix.fleet.XXXXXX") || exit 1
trap 'rm -rf "$memory"' EXIT
trap 'exit 1' HUP INT PIPE TERM
for store in $stores; do
  XDG_CACHE_HOME=$memory ask_nix store info --store "$store" \
    --option connect-timeout "$seconds" --option stalled-download-timeout "$seconds" \
    --option download-attempts 1 >/dev/null </dev/null || exit 1
done
