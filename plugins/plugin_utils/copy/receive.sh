# shellcheck shell=sh
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Fetches store paths from other hosts and has them added to this one's store.
#   receive.sh SOCKET CHECK    SOCKET: where this machine's store is served; CHECK: "yes" to take signed paths only
# Prints `key TYPE KEY`, by which other hosts know it; then does what it reads, until the end of standard input:
#   fetch ADDRESS PORT LOGIN SECONDS TYPE KEY   and, up to an empty line, what a binary cache says of the paths to fetch
#                                               (.narinfo, one after another, each with an empty line behind it),
#                                               as gzip and base64
# and answers `fetched` when the other host is no longer needed, then `got PATH` for each path that is in the store, and `end`,
# with what went wrong, if anything did.
# The other host sends the archives in that order, one right after the other, behind a greeting of 16 bytes. What they must be is in the .narinfo, by
# which Nix takes or refuses them; the other host has no word in that.
socket=$1
check=$2
block=1048576
greeting=16
newline='
'

fail() {
  printf 'failed %s\n' "$1"
  exit 1
}

for program in ssh ssh-keygen nix nix-store gzip base64 mkfifo; do
  command -v "$program" >/dev/null 2>&1 || fail "there is no $program on PATH"
done
dd if=/dev/null of=/dev/null iflag=fullblock 2>/dev/null || fail "dd does not know iflag=fullblock"

no_room() {
  fail "there is no room for what is fetched in ${directory%/*}"
}

umask 077
# What a loss of power has left of an earlier fetching, to which nothing has been written for a day. A find that cannot tell
# finds nothing the first time.
for left in /var/tmp/nix.fleet.?????? "${TMPDIR:-/tmp}"/nix.fleet.??????; do
  # shellcheck disable=SC3067  # POSIX has no -O, but every sh does
  [ -d "$left" ] && [ ! -L "$left" ] && [ -O "$left" ] && [ -f "$left/key" ] &&
    [ -n "$(find "$left" -prune -mtime +0 2>/dev/null)" ] && [ -z "$(find "$left" ! -mtime +0)" ] && rm -rf "$left"
done
# Archives are large, and /tmp is in memory on many machines.
for place in /var/tmp "${TMPDIR:-/tmp}"; do
  directory=$(mktemp -d "$place/nix.fleet.XXXXXX" 2>/dev/null) && break
done
[ -d "$directory" ] || fail "no temporary directory can be made"
trap 'rm -rf "$directory"' EXIT
trap 'exit 1' HUP INT PIPE TERM
cache=$directory/cache
ssh-keygen -q -t ed25519 -N '' -C '' -f "$directory/key" </dev/null >/dev/null 2>&1 || fail "ssh-keygen makes no key"
mkfifo "$directory/stream" || fail "no pipe can be made"
if [ "$check" = yes ]; then check=; else check=--no-check-sigs; fi

# Makes a binary cache that lacks the archives, and a list of them: size, first part of the name, path. Fails where there is
# no room for it.
describe() {
  rm -rf "$cache"
  mkdir -p "$cache/nar" || return 1
  printf 'StoreDir: /nix/store\n' >"$cache/nix-cache-info" || return 1
  while IFS= read -r line; do
    case $line in
      'StorePath: '*)
        path=${line#StorePath: }
        digest=${path#/nix/store/}
        digest=${digest%%-*}
        ;;
      'NarSize: '*) size=${line#NarSize: } ;;
      '')
        printf '%s %s %s\n' "$size" "$digest" "$path" || return 1
        continue
        ;;
    esac
    printf '%s\n' "$line" >>"$cache/$digest.narinfo" || return 1
  done >"$directory/expected"
}

# Of a stream that others go on reading: what takes more than it asks for would not do. Fails where it cannot be written, not
# where the stream ends.
exactly() {
  [ "$1" -lt "$block" ] || dd bs="$block" count=$(($1 / block)) iflag=fullblock 2>/dev/null || return 1
  [ $(($1 % block)) = 0 ] || dd bs=$(($1 % block)) count=1 iflag=fullblock 2>/dev/null
}

receive() {
  exactly "$greeting" >/dev/null
  while read -r size digest _ <&4; do
    exactly "$size" >"$cache/nar/$digest.nar" || return 1
  done 4<"$directory/expected"
}

# Lists the paths that have arrived whole: all, or those before the line broke.
arrived() {
  set --
  while read -r _ digest _; do set -- "$@" "$digest.nar"; done <"$directory/expected"
  (cd "$cache/nar" && wc -c "$@") >"$directory/sizes"
  while read -r expected _ path <&4 && read -r size _ && [ "$size" = "$expected" ]; do
    printf '%s\n' "$path"
  done 4<"$directory/expected" <"$directory/sizes"
}

fetch() {
  printf 'peer %s %s\n' "$5" "$6" >"$directory/known"
  ssh -F /dev/null -T -p "$2" -l "$3" -i "$directory/key" \
    -o BatchMode=yes -o IdentitiesOnly=yes -o IdentityAgent=none -o PreferredAuthentications=publickey \
    -o HostKeyAlias=peer -o StrictHostKeyChecking=yes -o UpdateHostKeys=no \
    -o UserKnownHostsFile="$directory/known" -o GlobalKnownHostsFile=/dev/null \
    -o ConnectTimeout=5 -o ServerAliveInterval=5 -o ServerAliveCountMax=3 \
    -o ControlPath=none -o ClearAllForwardings=yes -o LogLevel=ERROR \
    -- "$1" </dev/null >"$directory/stream" 2>"$directory/log" &
  way=$!
  {
    left=$4
    while [ "$left" -gt 0 ]; do
      kill -0 "$way" || exit 0
      left=$((left - 5))
      sleep 5
    done
    kill "$way"
  } </dev/null >/dev/null 2>&1 &
  receive <"$directory/stream"
  received=$?
  # It ends by itself when all is sent, and hangs up when nobody reads.
  wait "$way"
  [ "$received" = 0 ] || no_room
  arrived >"$directory/arrived"
}

reason() {
  tail -n 5 "$directory/log" | tr '\n\r' '  ' | cut -c 1-1000
}

import() {
  expected=0
  while read -r _; do expected=$((expected + 1)); done <"$directory/expected"
  set --
  while read -r path; do set -- "$@" "$path"; done <"$directory/arrived"
  wrong=
  if [ $# -ne "$expected" ]; then
    why=$(reason)
    wrong="it broke off${why:+: $why}"
  fi
  missing=
  # shellcheck disable=SC2086  # one word or none
  if [ $# -gt 0 ] && ! nix --extra-experimental-features nix-command copy $check --no-recursive \
    --from "file://$cache" --to "unix://$socket" "$@" </dev/null >"$directory/log" 2>&1; then
    wrong="what it sent was not taken: $(reason)"
    missing=$(nix-store --check-validity --print-invalid "$@" 2>/dev/null) || missing=$(printf '%s\n' "$@")
  fi
  for path; do
    case $newline$missing$newline in
      *"$newline$path$newline"*) ;;
      *) printf 'got %s\n' "$path" ;;
    esac
  done
  rm -rf "$cache"
  printf 'end %s\n' "$wrong"
}

read -r type key _ <"$directory/key.pub"
printf 'key %s %s\n' "$type" "$key"
while read -r order address port login seconds type key; do
  [ "$order" = fetch ] || continue
  while IFS= read -r line && [ -n "$line" ]; do printf '%s\n' "$line"; done | base64 -d | gzip -dc | describe || no_room
  fetch "$address" "$port" "$login" "$seconds" "$type" "$key"
  echo fetched
  import
done
