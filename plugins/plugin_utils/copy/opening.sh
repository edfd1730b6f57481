# shellcheck shell=sh
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Opens this machine's store where it lacks any of the paths, and keeps them from the garbage collector where it does not.
#   opening.sh PREFER PEER UID QUIET ROOT PATH…     the arguments of door.sh, then those of present.sh
# Preceded by functions `door` and `present`, each of which is the program of that name.
prefer=$1
peer=$2
uid=$3
quiet=$4
shift 4

# What is not on the disk is lacking whatever Nix says, which takes longer to ask.
on_disk() {
  shift
  for path in "$@"; do
    [ -e "$path" ] || [ -L "$path" ] || return 1
  done
}

if on_disk "$@"; then
  lacking=$(present "$@") || exit
  [ -n "$lacking" ] || exit 0
fi
echo 'something is lacking'
door "$prefer" "$peer" "$uid" "$quiet" "$@"
