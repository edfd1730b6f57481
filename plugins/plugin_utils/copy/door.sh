# shellcheck shell=sh
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Opens a socket at which this machine's Nix store is served to the user who logs in, and prints where it is.
#   door.sh PREFER PEER UID QUIET [ROOT PATH…]
#                                    PREFER: "private" or "system", which daemon to prefer when both can serve;
#                                    PEER, UID: the user who logs in, empty when that is the user running this; UID is
#                                    "sudo" or "doas" where that knows, and if it does not, the exit code is 5;
#                                    QUIET: seconds without a sign of life after which a private daemon ends
#                                    ROOT PATH…: what is to be kept when a private daemon is asked to, as in keep.sh
# Preceded by a function `guard` that prints guard.sh, which runs the private daemon.
prefer=$1
quiet=$4
me=$(id -u)
case ${3:-} in
  '') peer_uid=$me peer=$(id -un 2>/dev/null || id -u) ;;
  sudo | doas)
    if [ "$3" = sudo ]; then peer=${SUDO_USER:-}; else peer=${DOAS_USER:-}; fi
    case $peer in '' | [!0-9A-Za-z_]* | *[!0-9A-Za-z+._@-]*) exit 5 ;; esac
    peer_uid=$(id -u "$peer" 2>/dev/null) || exit 5
    ;;
  *) peer_uid=$3 peer=$2 ;;
esac
system=${NIX_DAEMON_SOCKET_PATH:-/nix/var/nix/daemon-socket/socket}

fail() {
  echo "$1" >&2
  exit "$2"
}

# A Nix that has never run has no database yet.
owns_store() {
  database=/nix/var/nix/db
  [ "$me" = 0 ] || { [ -w /nix/store ] && { [ -w "$database" ] || [ ! -e "$database" ]; }; }
}

use_system() {
  printf 'socket %s\n' "$system"
  exit 0
}

command -v nix-store >/dev/null 2>&1 || fail "no nix-store on PATH: $PATH" 127
[ "$prefer" = system ] && [ -S "$system" ] && use_system
if ! owns_store; then
  [ -S "$system" ] && use_system
  fail "no Nix daemon listens at $system, and $(id -un 2>/dev/null || id -u) may not write /nix/store" 3
fi
command -v nix-daemon >/dev/null 2>&1 || fail "no nix-daemon on PATH: $PATH" 127

# /run is in memory: the error of a full disk is then Nix's own, about the store.
umask 077
if [ "$me" = 0 ] && [ -d /run ] && [ -w /run ]; then place=/run; else place=/tmp; fi
directory=$(mktemp -d "$place/nix.fleet.XXXXXX") || exit 1
trap 'rm -rf "$directory"' EXIT

# The directory stays ours, for whatever another user may write to leads us wherever that user likes. The peer passes
# through it to the socket, which is opened to it below, and has a directory of its own in it for the signs of life, and a
# pipe for its question.
mkdir "$directory/signs" || exit 1
shift 4
[ $# = 0 ] || mkfifo "$directory/asked" 2>/dev/null
shared=
if [ "$peer_uid" != "$me" ] && [ "$peer_uid" != 0 ]; then
  shared=yes
  chown "$peer_uid" "$directory/signs" || exit 1
  [ ! -p "$directory/asked" ] || chown "$peer_uid" "$directory/asked" || exit 1
fi
guard >"$directory/guard" || exit 1
: >"$directory/log" || exit 1
exec 3<"$directory/log"

# In a session of its own where there is one to be had: sudo and login managers end what is left of theirs.
if command -v setsid >/dev/null 2>&1; then new_session=setsid; else new_session=; fi
# run0 is a unit, and all that is in it ends with it.
while read -r group; do
  case $group in
    */run-*.service)
      new_session="systemd-run --scope --quiet --collect $new_session"
      break
      ;;
  esac
done 2>/dev/null </proc/self/cgroup
$new_session sh "$directory/guard" "$directory" "$peer" "$quiet" "$@" </dev/null >>"$directory/log" 2>&1 3<&- &

# From here on the directory is the guard's to remove, with the daemon.
trap '(: >"$directory/end") 2>/dev/null' EXIT
# Nix opens the socket to everybody, and that is the last that it does to it.
listening() {
  [ -S "$directory/socket" ] || return 1
  case $(ls -ld "$directory/socket") in s???????w*) ;; *) return 1 ;; esac
}

tries=0
until listening; do
  tries=$((tries + 1))
  nap=0.1
  [ "$tries" -gt 10 ] || nap=0.02
  if [ "$tries" -gt 110 ] || [ ! -d "$directory" ] || [ -e "$directory/ended" ]; then
    cat <&3 >&2
    fail "nix-daemon did not start" 4
  fi
  sleep "$nap" 2>/dev/null || sleep 1
done
# The peer alone may connect. Nobody else has been able to come this far.
if [ "$shared" ]; then
  { chown "$peer_uid" "$directory/socket" && chmod 600 "$directory/socket" && chmod 711 "$directory"; } || exit 1
fi
trap - EXIT
printf 'socket %s\nsigns %s\n' "$directory/socket" "$directory/signs"
