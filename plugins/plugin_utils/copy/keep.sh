# shellcheck shell=sh
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Keeps paths from this machine's garbage collector, in place of those that were last kept under the same name.
#   keep.sh ROOT PATH…          ROOT is a name of our own for the set of paths
# The exit code is not 0 where the store lacks any of them.
root=$1
shift

if [ "$(id -u)" = 0 ]; then
  state=/var/lib/nix.fleet
else
  state=${XDG_STATE_HOME:-$HOME/.local/state}/nix.fleet
fi
copied=${NIX_FLEET_STATE_DIRECTORY:-$state}/gcroots/copied
roots=$copied/$root
# A link in place of a directory is none of ours, or no longer.
for directory in "$copied" "$roots"; do
  [ ! -L "$directory" ] || rm -f "$directory"
done
[ -d "$roots" ] || mkdir -p "$roots" || exit 1

# A derivation would be built for that: it is copied to be built, and whoever builds it keeps it.
derivations=
for path in "$@"; do
  shift
  case $path in
    *.drv) derivations=yes && { nix-store --check-validity "$path" || exit 1; } ;;
    *) set -- "$@" "$path" ;;
  esac
done
[ $# -gt 0 ] || [ -z "$derivations" ] || exit 0

# The links are 1, 1-2, 1-3, ... as Nix numbers them. None of an earlier, longer list stays: what is kept is bounded. Nothing is
# fetched for it, so that it is the proof as well that the paths are there.
nix-store --realise "$@" --add-root "$roots/1" --option substitute false >/dev/null || exit 1
for link in "$roots"/*; do
  case ${link##*/} in
    1) ;;
    1-*) [ "${link##*/1-}" -le $# ] 2>/dev/null || rm -f "$link" ;;
    *) rm -f "$link" ;;
  esac
done
