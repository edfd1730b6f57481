# shellcheck shell=sh
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs a private nix-daemon for one user, until it is told to end or nobody has given a sign of life for a while.
#   guard.sh DIRECTORY PEER QUIET [ROOT PATH…]
# A sign of life is a file `beat` in the directory's `signs`, the order to end a file `end` there or in DIRECTORY itself.
# `signs` is the peer's: nothing is done there but to look and to remove by name. Neither a lost connection nor a killed
# controller leaves a daemon, a lock on a store path, or the directory behind.
# A line in DIRECTORY/asked is the question whether all of the paths have come: if so they are kept from the garbage collector as
# keep.sh does it, and `answer` says that.
# Preceded by a function `keep` that is the program of that name.
directory=$1
peer=$2
quiet=$3
signs=$directory/signs
shift 3
trap '' HUP INT

asking=
if [ -p "$directory/asked" ]; then
  # For both directions, which waits for nobody.
  exec 4<>"$directory/asked"
  (
    read -r _ <&4
    # The peer is to read it, and the links are as open as those of any other question.
    umask 022
    if keep "$@" >/dev/null 2>&1; then
      echo 'all of it is kept'
    else
      echo 'that is not known'
    fi >"$directory/said"
    mv "$directory/said" "$directory/answer"
  ) &
  asking=$!
  exec 4<&-
fi

# The daemon must open the store itself: left to choose, it may take the socket it listens at for the store's,
# and connects to itself without end. It reads nothing; what it has for that is what its children are known by.
NIX_DAEMON_SOCKET_PATH=$directory/socket NIX_REMOTE=local OBJC_DISABLE_INITIALIZE_FORK_SAFETY=YES \
  nix-daemon --option store local --option trusted-users "$peer" --option allowed-users "$peer" <"$directory/log" &
daemon=$!

# The daemon and its children, each of which serves a client in a session of its own, and outlives it. Without /proc they are
# known as long as the daemon is there.
served_by() {
  if [ -r /proc/self/fd/0 ]; then
    # shellcheck disable=SC2012  # no name here is out of the ordinary
    ls -l /proc/[0-9]*/fd/0 2>/dev/null | sed -n "s|.* /proc/\([0-9]*\)/fd/0 -> $directory/log.*|\1|p"
  else
    ps -A -o pid,ppid | while read -r pid parent; do
      if [ "$pid" = "$daemon" ] || [ "$parent" = "$daemon" ]; then echo "$pid"; fi
    done
  fi
}

# What has been read so far, where the system tells. On a slow line signs of life wait behind what is copied.
traffic() {
  for process in $(served_by); do
    cat "/proc/$process/io" 2>/dev/null
  done
}

wanted() {
  [ ! -e "$directory/end" ] && [ ! -e "$signs/end" ]
}

watch() {
  silence=0
  before=
  # $$ is the shell that this one is a child of.
  while kill -0 $$ 2>/dev/null && kill -0 "$daemon" 2>/dev/null && wanted; do
    if [ -e "$signs/beat" ]; then
      rm -f "$signs/beat" 2>/dev/null
      silence=0
    elif [ "$silence" -ge "$quiet" ]; then
      now=$(traffic)
      [ "$now" != "$before" ] || break
      before=$now
      silence=0
    fi
    silence=$((silence + 1))
    sleep 1
  done
}

end() {
  # What is stopped begins no further child.
  # shellcheck disable=SC2046  # a list of process numbers, as below
  kill -STOP $(served_by) 2>/dev/null
  left=$(served_by)
  # shellcheck disable=SC2086
  kill -TERM $left $asking 2>/dev/null
  # shellcheck disable=SC2086
  kill -CONT $left 2>/dev/null
  # In a subshell: where this cannot be written, that must not be the end of the guard.
  (: >"$directory/ended") 2>/dev/null
  sleep 1
  # shellcheck disable=SC2086
  kill -KILL $left 2>/dev/null

  # What else the peer may have put among the signs is no tree to walk for another user, and stays.
  chown "$(id -u)" "$signs" 2>/dev/null
  rm -f "$signs/beat" "$signs/end" 2>/dev/null
  rmdir "$signs" 2>/dev/null
  cd "$directory" && rm -f guard socket log end ended asked said answer
  rmdir "$directory" 2>/dev/null
}

# Two shells, so that nothing is left when one of them is killed: each then ends all that there is.
(
  watch
  kill -0 $$ 2>/dev/null || end
) &
trap : TERM
wait $!
end
