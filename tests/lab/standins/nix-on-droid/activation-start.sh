# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The beginning of a phone's activation: DRY_RUN, VERBOSE, and what the steps use.

# As in the real script, its programs come from the closure. What the thin packages lack is the phone's own.
PATH=$PATH:/usr/bin:/bin
export PATH
if ! command -v nix-env > /dev/null; then
  echo "nix-env: command not found" >&2
  exit 127
fi

_NOD_GENERATION_DIR=$(readlink -f "$(dirname "$0")")
cd "$HOME" || exit 1

if test -n "${VERBOSE-}"; then
  VERBOSE_ARG=--verbose
  echo "Using verbose mode"
else
  VERBOSE_ARG=
fi
if test -n "${DRY_RUN-}"; then
  DRY_RUN_CMD='echo'
  echo "This is a dry run"
else
  DRY_RUN_CMD=
fi
# busybox has no --verbose: the steps of this stand-in tell it in words.
export DRY_RUN_CMD VERBOSE_ARG _NOD_GENERATION_DIR

noteEcho() {
  printf '%s\n' "$*"
}

put() {
  if test -n "${VERBOSE-}"; then echo "$1 -> $2"; fi
  $DRY_RUN_CMD mkdir -p "$(dirname "$2")"
  $DRY_RUN_CMD cp "$1" "$3"
  $DRY_RUN_CMD chmod u+w "$3"
  $DRY_RUN_CMD mv -f "$3" "$2"
}

# A program that nobody has open while it is replaced.
installNow() {
  if ! cmp -s "$2" "$1"; then put "$1" "$2" "$(dirname "$2")/.$(basename "$2").tmp"; fi
}

# A program in use: the new one waits for the next login as .NAME.new.
installAtLogin() {
  waiting=$(dirname "$2")/.$(basename "$2").new
  if test -e "$waiting"; then current=$waiting; else current=$2; fi
  if ! cmp -s "$current" "$1"; then put "$1" "$waiting" "$(dirname "$2")/.$(basename "$2").tmp"; fi
}
