# shellcheck shell=sh
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Prints those of the paths that this machine's store lacks; when it lacks none, keeps them from its garbage collector.
#   present.sh ROOT PATH…       ROOT is a name of our own for the set of paths, or empty: then nothing is kept
# Preceded by a function `keep` that is the program of that name.
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
[ -z "$root" ] || keep "$root" "$@"
