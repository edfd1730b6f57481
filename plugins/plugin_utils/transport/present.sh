# shellcheck shell=sh
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Prints those of the paths that this machine's store lacks; when it lacks none, keeps them from its garbage collector.
#   present.sh ROOT PATH…       ROOT is a name of our own for the set of paths, or empty: then nothing is kept
root=$1
shift

if ! command -v nix-store >/dev/null 2>&1; then
  echo "no nix-store on PATH: $PATH" >&2
  exit 127
fi

missing=$(nix-store --check-validity --print-invalid "$@") || exit 1
if [ -n "$missing" ]; then
  printf '%s\n' "$missing"
  exit 0
fi
[ -n "$root" ] || exit 0

if [ "$(id -u)" = 0 ]; then
  copied=/var/lib/nix.fleet/gcroots/copied
else
  copied=${XDG_STATE_HOME:-$HOME/.local/state}/nix.fleet/gcroots/copied
fi
roots=$copied/$root
# A link in place of a directory is none of ours, or no longer.
for directory in "$copied" "$roots"; do
  [ ! -L "$directory" ] || rm -f "$directory"
done
mkdir -p "$roots" || exit 1

# One link a path, and no link of an earlier, longer list: what is kept stays bounded.
number=0
for path in "$@"; do
  number=$((number + 1))
  [ "$(readlink "$roots/$number")" = "$path" ] ||
    nix-store --realise "$path" --add-root "$roots/$number" >/dev/null || exit 1
done
for link in "$roots"/*; do
  [ "${link##*/}" -le "$number" ] 2>/dev/null || rm -f "$link"
done
