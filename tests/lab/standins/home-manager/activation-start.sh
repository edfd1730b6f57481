# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The beginning of a home's activation: options, what the steps use, and whether this is the home it was made for.
# shellcheck disable=SC2034 # the steps use what is set here
set -eu

# Who runs this says by its version how much it does itself: 1 has set the profile, 0 leaves that to the script.
hmDriverVersion=0
while test $# -gt 0; do
  case $1 in
    --driver-version)
      hmDriverVersion=$2
      shift
      ;;
    *)
      echo "$0: unknown option '$1'" >&2
      exit 1
      ;;
  esac
  shift
done

# Nothing of the user's own PATH is used but Nix.
nixPath=$(command -v nix-env || true)
PATH=${nixPath:+$(dirname "$(readlink -f "$nixPath")"):}/usr/bin:/bin
export PATH
if test -z "$nixPath"; then
  echo "nix-env: command not found" >&2
  exit 127
fi

if test -n "${VERBOSE-}"; then echo "Using verbose mode"; fi
if test -n "${DRY_RUN-}"; then echo "This is a dry run"; fi

run() {
  if test -n "${DRY_RUN-}"; then echo "$@"; else "$@"; fi
}

verboseEcho() {
  if test -n "${VERBOSE-}"; then echo "$@"; fi
}

expect() {
  if test -z "${SKIP_SANITY_CHECKS-}" && test "$2" != "$3"; then
    echo "$1 is \"$2\", expected \"$3\""
    exit 1
  fi
}

# From where Nix had it before 2.14, and home-manager before that, also when this is only a dry run.
migrateProfile() {
  new=$stateHome/nix/profiles
  old=
  for directory in "$shared" "$stateHome/home-manager/profiles"; do
    if test -z "$old" && test -e "$directory/home-manager"; then old=$directory; fi
  done
  if test -z "$old" || test ! -e "$new"; then return; fi
  if test ! -e "$new/home-manager"; then
    echo "Migrating profile from $old to $new"
    for link in "$old"/home-manager-*; do
      nix-store --realise "$link" --add-root "$new/$(basename "$link")" > /dev/null
    done
    cp -P "$old/home-manager" "$new"
  fi
  rm "$old/home-manager" "$old"/home-manager-*
}

findProfile() {
  stateHome=${XDG_STATE_HOME:-$HOME/.local/state}
  shared=${NIX_STATE_DIR:-/nix/var/nix}/profiles/per-user/$USER
  # As a side effect Nix makes the directory of the user's profiles.
  nix-env -q > /dev/null 2>&1 || true
  migrateProfile
  if test -d "$stateHome/nix/profiles"; then
    genProfilePath=$stateHome/nix/profiles/home-manager
  elif test -d "$shared"; then
    genProfilePath=$shared/home-manager
  else
    echo "Could not find suitable profile directory, tried $stateHome/nix/profiles and $shared" >&2
    exit 1
  fi
  gcroots=$stateHome/home-manager/gcroots
  oldGenPath=
  if test -e "$gcroots/current-home"; then oldGenPath=$(readlink -e "$gcroots/current-home"); fi
  verboseEcho "oldGenPath=$oldGenPath"
  # shellcheck disable=SC2154 # set where the script begins
  verboseEcho "newGenPath=$newGenPath"
  verboseEcho "genProfilePath=$genProfilePath"
}

rootGeneration() { # as $1
  run mkdir -p "$gcroots"
  run nix-store --realise "$newGenPath" --add-root "$gcroots/$1" > /dev/null
}
