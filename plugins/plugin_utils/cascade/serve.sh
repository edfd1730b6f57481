# shellcheck shell=sh
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Sends the archives of given store paths, once another host fetches them: by an sshd of its own, at a port of its own,
# which lets in nobody but the holder of one key, and does nothing for him but to send these archives.
#   serve.sh PORT SECONDS      SECONDS: when it ends in any case; the end of standard input ends it sooner
# Reads the public key that may fetch, then, up to an empty line, the requests for these archives, as base64: what `nix-store
# --serve` is to read, which only reads the store. The peer has no word in that. Prints `login NAME` and `key TYPE KEY` when it
# listens, or `failed` and why not.
port=$1
left=$2

fail() {
  printf 'failed %s\n' "$1"
  exit 1
}

PATH=$PATH:/usr/sbin:/sbin:/usr/local/sbin
for program in nix-store ssh-keygen base64; do
  command -v "$program" >/dev/null 2>&1 || fail "there is no $program on PATH"
done
# It starts itself anew for each connection, by its whole name.
sshd=$(command -v sshd) || fail "there is no sshd on PATH"
login=$(id -un 2>/dev/null) || fail "the login has no name"

umask 077
directory=$(mktemp -d "${TMPDIR:-/tmp}/nix.fleet.XXXXXX") || fail "no temporary directory can be made"
trap 'rm -rf "$directory"' EXIT
trap 'exit 1' HUP INT PIPE TERM

IFS= read -r key && printf 'restrict %s\n' "$key" >"$directory/allowed"
while IFS= read -r line && [ -n "$line" ]; do printf '%s\n' "$line"; done | base64 -d >"$directory/requests"
printf "PATH='%s'\nexec nix-store --serve <'%s'\n" "$PATH" "$directory/requests" >"$directory/send"
ssh-keygen -q -t ed25519 -N '' -C '' -f "$directory/host" </dev/null >/dev/null 2>&1 || fail "ssh-keygen makes no key"

# An account without a password may be a locked one to sshd, unless it asks PAM, as the system's own does.
pam=$("$sshd" -T 2>/dev/null | sed -n 's/^usepam //p')
cat >"$directory/config" <<end
Port $port
HostKey $directory/host
AuthorizedKeysFile $directory/allowed
AllowUsers $login
AuthenticationMethods publickey
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM ${pam:-no}
PermitRootLogin prohibit-password
ForceCommand exec /bin/sh $directory/send
DisableForwarding yes
PermitTTY no
PermitUserRC no
PermitUserEnvironment no
PrintMotd no
PrintLastLog no
StrictModes no
UseDNS no
MaxAuthTries 2
MaxSessions 1
MaxStartups 5
LoginGraceTime 20
ClientAliveInterval 5
ClientAliveCountMax 3
PidFile none
LogLevel INFO
end
"$sshd" -D -e -f "$directory/config" </dev/null >/dev/null 2>"$directory/log" &
server=$!

# What is running in the background has no standard input of its own unless it is given one.
exec 3<&0
{
  while read -r _; do :; done
  kill "$server"
} <&3 >/dev/null 2>&1 &
{
  while [ "$left" -gt 0 ]; do
    kill -0 "$server" || exit 0
    left=$((left - 1))
    sleep 1
  done
  kill "$server"
} </dev/null >/dev/null 2>&1 &

tries=0
until grep -q 'Server listening' "$directory/log"; do
  tries=$((tries + 1))
  if [ "$tries" -gt 100 ] || ! kill -0 "$server" 2>/dev/null; then
    kill "$server" 2>/dev/null
    fail "sshd does not listen at port $port: $(tail -n 2 "$directory/log" | tr '\n\r' '  ')"
  fi
  sleep 0.05 2>/dev/null || sleep 1
done
printf 'login %s\nkey %s\n' "$login" "$(cut -d ' ' -f 1,2 "$directory/host.pub")"
wait "$server"
