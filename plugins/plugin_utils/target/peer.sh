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
    { peer_await_end "$server" "$2" || peer_serve_end; } </dev/null >/dev/null 2>&1 &
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

peer_await_end() { # of process $1; fails when it runs still after $2 seconds
    left=$2
    while [ "$left" -gt 0 ]; do
        kill -0 "$1" || return 0
        left=$((left - 5))
        sleep 5
    done
    return 1
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

# Fetches store paths from other hosts and has them added to this one's store.

peer_receive_block=1048576
peer_receive_greeting=16
newline='
'

# For the store that is served at socket $1 here; $2 is `yes` to take signed paths only. Print `key TYPE KEY`, by which other hosts
# know this one; then do what is read, until the end of standard input:
#   fetch ADDRESS PORT LOGIN SECONDS TYPE KEY   and, up to an empty line, what a binary cache says of the paths to fetch
#                                               (.narinfo, one after another, each with an empty line behind it), as gzip and base64
# and answer `fetched` when the other host is no longer needed, then `got PATH` for each path that is in the store, and `end`, with
# what went wrong, if anything did. The other host sends the archives in that order, one right after the other, behind a greeting.
# What they must be is in the .narinfo, by which Nix takes or refuses them; the other host has no say in that.
peer_receive() {
    socket=$1
    signatures=''
    [ "$2" = yes ] || signatures=--no-check-sigs
    for program in ssh ssh-keygen nix nix-store gzip base64 mkfifo; do
        command -v "$program" >/dev/null 2>&1 || peer_receive_fail "there is no $program on PATH"
    done
    dd if=/dev/null of=/dev/null iflag=fullblock 2>/dev/null || peer_receive_fail 'dd does not know iflag=fullblock'
    umask 077
    peer_receive_remove_left
    # Archives are large, and /tmp is in memory on many machines.
    for place in /var/tmp "${TMPDIR:-/tmp}"; do
        directory=$(mktemp -d "$place/nix.fleet.XXXXXX" 2>/dev/null) && break
    done
    [ -d "$directory" ] || peer_receive_fail 'no temporary directory can be made'
    trap 'rm -rf "$directory"' EXIT
    trap 'exit 1' HUP INT PIPE TERM
    cache=$directory/cache
    ssh-keygen -q -t ed25519 -N '' -C '' -f "$directory/key" </dev/null >/dev/null 2>&1 ||
        peer_receive_fail 'ssh-keygen makes no key'
    mkfifo "$directory/stream" || peer_receive_fail 'no pipe can be made'

    read -r type key _ <"$directory/key.pub"
    printf 'key %s %s\n' "$type" "$key"
    while read -r order address port login seconds type key; do
        [ "$order" = fetch ] || continue
        while IFS= read -r line && [ -n "$line" ]; do printf '%s\n' "$line"; done | base64 -d | gzip -dc |
            peer_receive_describe || peer_receive_no_room
        peer_receive_fetch "$address" "$port" "$login" "$seconds" "$type" "$key"
        echo fetched
        peer_receive_import
    done
}

peer_receive_fail() {
    printf 'failed %s\n' "$1"
    exit 1
}

peer_receive_no_room() {
    peer_receive_fail "there is no room for what is fetched in ${directory%/*}"
}

# What a loss of power has left of an earlier fetching, to which nothing has been written for a day. A find that cannot tell finds
# nothing the first time.
peer_receive_remove_left() {
    for left in /var/tmp/nix.fleet.?????? "${TMPDIR:-/tmp}"/nix.fleet.??????; do
        # shellcheck disable=SC3067  # POSIX has no -O, but every sh does
        [ -d "$left" ] && [ ! -L "$left" ] && [ -O "$left" ] && [ -f "$left/key" ] &&
            [ -n "$(find "$left" -prune -mtime +0 2>/dev/null)" ] && [ -z "$(find "$left" ! -mtime +0)" ] && rm -rf "$left"
    done
}

# Make a binary cache that lacks the archives, and a list of them: size, first part of the name, path. Fails where there is no room
# for it.
peer_receive_describe() {
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

# Print $1 bytes of a stream that others go on reading: what takes more than it asks for would not do. Fails where they cannot be
# written, not where the stream ends.
peer_receive_bytes() {
    [ "$1" -lt "$peer_receive_block" ] ||
        dd bs="$peer_receive_block" count=$(($1 / peer_receive_block)) iflag=fullblock 2>/dev/null || return 1
    [ $(($1 % peer_receive_block)) = 0 ] || dd bs=$(($1 % peer_receive_block)) count=1 iflag=fullblock 2>/dev/null
}

peer_receive_archives() {
    peer_receive_bytes "$peer_receive_greeting" >/dev/null
    while read -r size digest _ <&4; do
        peer_receive_bytes "$size" >"$cache/nar/$digest.nar" || return 1
    done 4<"$directory/expected"
}

peer_receive_arrived() { # print the paths that have arrived whole: all, or those before the line broke
    set --
    while read -r _ digest _; do set -- "$@" "$digest.nar"; done <"$directory/expected"
    (cd "$cache/nar" && wc -c "$@") >"$directory/sizes"
    while read -r expected _ path <&4 && read -r size _ && [ "$size" = "$expected" ]; do
        printf '%s\n' "$path"
    done 4<"$directory/expected" <"$directory/sizes"
}

peer_receive_fetch() { # $1 address, $2 port, $3 login, $4 seconds, $5 and $6 the server's key
    printf 'peer %s %s\n' "$5" "$6" >"$directory/known"
    ssh -F /dev/null -T -p "$2" -l "$3" -i "$directory/key" \
        -o BatchMode=yes -o IdentitiesOnly=yes -o IdentityAgent=none -o PreferredAuthentications=publickey \
        -o HostKeyAlias=peer -o StrictHostKeyChecking=yes -o UpdateHostKeys=no \
        -o UserKnownHostsFile="$directory/known" -o GlobalKnownHostsFile=/dev/null \
        -o ConnectTimeout=5 -o ServerAliveInterval=5 -o ServerAliveCountMax=3 \
        -o ControlPath=none -o ClearAllForwardings=yes -o LogLevel=ERROR \
        -- "$1" </dev/null >"$directory/stream" 2>"$directory/log" &
    client=$!
    { peer_await_end "$client" "$4" || kill "$client"; } </dev/null >/dev/null 2>&1 &
    peer_receive_archives <"$directory/stream"
    received=$?
    # It ends by itself when all is sent, and hangs up when nobody reads.
    wait "$client"
    [ "$received" = 0 ] || peer_receive_no_room
    peer_receive_arrived >"$directory/arrived"
}

peer_receive_reason() {
    tail -n 5 "$directory/log" | tr '\n\r' '  ' | cut -c 1-1000
}

peer_receive_import() { # what has arrived, and tell
    expected=0
    while read -r _; do expected=$((expected + 1)); done <"$directory/expected"
    set --
    while read -r path; do set -- "$@" "$path"; done <"$directory/arrived"
    wrong=''
    if [ $# -ne "$expected" ]; then
        why=$(peer_receive_reason)
        wrong="it broke off${why:+: $why}"
    fi
    refused=''
    # shellcheck disable=SC2086  # one word or none
    if [ $# -gt 0 ] && ! nix --extra-experimental-features nix-command copy $signatures --no-recursive \
        --from "file://$cache" --to "unix://$socket" "$@" </dev/null >"$directory/log" 2>&1; then
        wrong="what it sent was not taken: $(peer_receive_reason)"
        refused=$(nix-store --check-validity --print-invalid "$@" 2>/dev/null) || refused=$(printf '%s\n' "$@")
    fi
    for path; do
        case $newline$refused$newline in
            *"$newline$path$newline"*) ;;
            *) printf 'got %s\n' "$path" ;;
        esac
    done
    rm -rf "$cache"
    printf 'end %s\n' "$wrong"
}
