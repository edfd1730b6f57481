# shellcheck shell=bash
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What nixpkgs' builders have besides a shell.

substituteInPlace() {
  local file=$1
  shift
  while test $# -gt 0; do
    case $1 in
      --subst-var)
        sed -i "s|@$2@|${!2}|g" "$file"
        shift 2
        continue
        ;;
      --subst-var-by) sed -i "s|@$2@|$3|g" "$file" ;;
      *) sed -i "s|$2|$3|g" "$file" ;;
    esac
    shift 3
  done
}
