# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Sends the archives of given store paths, once another host fetches them: by an sshd of its own, at a port of its own, which lets in
# nobody but the holder of one key, and does nothing for him but to send these archives.

# Serve at port $1 for at most $2 seconds; the end of standard input ends it sooner. Read the public key that may fetch, then, up to
# an empty line, the requests for these archives, as base64: what `nix-store --serve` is to read, which only reads the store. The
# peer has no say in that. Print `login NAME` and `key TYPE KEY` when it listens, or `failed` and why not.
peer_serve() {
    PATH=$PATH:/usr/sbin:/sbin:/usr/local/sbin
    for program in nix-store ssh-keygen base64 mkfifo; do
        command -v "$program" >/dev/null 2>&1 || peer_serve_fail "there is no $program on PATH"
    done
    # It starts itself anew for each connection, by its whole name.
    sshd=$(command -v sshd) || peer_serve_fail 'there is no sshd on PATH'
    login=$(id -un 2>/dev/null) || peer_serve_fail 'the login has no name'

    umask 077
    directory=$(mktemp -d "${TMPDIR:-/tmp}/nix.fleet.XXXXXX") || peer_serve_fail 'no temporary directory can be made'
    trap 'rm -rf "$directory"' EXIT
    trap 'exit 1' HUP INT PIPE TERM
    IFS= read -r key && printf 'restrict %s\n' "$key" >"$directory/allowed"
    while IFS= read -r line && [ -n "$line" ]; do printf '%s\n' "$line"; done | base64 -d >"$directory/requests"
    printf "PATH='%s'\nexec nix-store --serve <'%s'\n" "$PATH" "$directory/requests" >"$directory/send"
    ssh-keygen -q -t ed25519 -N '' -C '' -f "$directory/host" </dev/null >/dev/null 2>&1 ||
        peer_serve_fail 'ssh-keygen makes no key'
    peer_serve_configuration "$1" >"$directory/config"
    mkfifo "$directory/log" || peer_serve_fail 'no pipe can be made'
    "$sshd" -D -e -f "$directory/config" </dev/null >/dev/null 2>"$directory/log" &
    server=$!
    exec 4<"$directory/log"
    trap 'peer_serve_end; rm -rf "$directory"' EXIT

    # What is running in the background has no standard input of its own unless it is given one.
    exec 3<&0
    {
        while read -r _; do :; done
        peer_serve_end
    } <&3 >/dev/null 2>&1 &
    { peer_serve_limit "$2"; } </dev/null >/dev/null 2>&1 &
    peer_serve_await_listening "$1"
    # What else it prints must not be waited for by anybody.
    while read -r _; do :; done <&4 &
    read -r type key _ <"$directory/host.pub"
    printf 'login %s\nkey %s %s\n' "$login" "$type" "$key"
    wait "$server"
}

peer_serve_fail() {
    printf 'failed %s\n' "$1"
    exit 1
}

peer_serve_end() { # with what serves a connection, which would go on for as long as somebody reads, however slowly
    # shellcheck disable=SC2046  # one word a process
    kill $(process_descendants "$server") 2>/dev/null
}

peer_serve_limit() { # the server ends after $1 seconds
    left=$1
    while [ "$left" -gt 0 ]; do
        kill -0 "$server" || return 0
        left=$((left - 5))
        sleep 5
    done
    peer_serve_end
}

peer_serve_await_listening() { # at port $1
    printed=''
    until
        IFS= read -r line <&4 ||
            peer_serve_fail "sshd does not listen at port $1: $(printf '%s' "$printed" | tr -d '\r')"
        case $line in *'Server listening'*) true ;; *) false ;; esac
    do
        printed="$printed $line"
    done
}

peer_serve_configuration() { # of an sshd at port $1
    # An account without a password may be a locked one to sshd, unless it asks PAM, as the system's own does.
    pam=$("$sshd" -T 2>/dev/null | sed -n 's/^usepam //p')
    cat <<end
Port $1
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
}
