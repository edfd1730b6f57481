# shellcheck shell=bash
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Makes a package by name: programs that run the host's own, and files that others do not find missing.
# shellcheck disable=SC2016,SC2154  # expanded by the program; variables of the derivation

for output in $outputs; do
    mkdir -p "${!output}"
done
directory=${bin:-$out}/bin
mkdir -p "$directory"
for program in $programs; do
    {
        printf '#!/bin/sh\n'
        printf 'for place in /usr/bin /bin /usr/sbin /sbin /opt/nix/bin; do\n'
        printf '  if [ -x "$place/%s" ]; then exec "$place/%s" "$@"; fi\n' "$program" "$program"
        printf 'done\n'
        printf 'echo "%s"\n' "$name"
    } >"$directory/$program"
    chmod +x "$directory/$program"
done
ln -sfn bin "${bin:-$out}/sbin"

# The machine's own units by the names that this NixOS knows, and nothing under those that it has not any more.
unitsOf() { # $1: system or user, $2: where to
    mkdir -p "$2"
    cp -R "$units/$1/." "$2"
    for unit in $missing; do
        [ -e "$2/$unit" ] || printf '[Unit]\nDescription=%s\n' "$unit" >"$2/$unit"
    done
}

case $name in
    nss-cacert-*) mkdir -p "$out/etc/ssl/certs" && : >"$out/etc/ssl/certs/ca-bundle.crt" ;;
    glibc-locales-*) mkdir -p "$out/lib/locale" && : >"$out/lib/locale/locale-archive" ;;
    iana-etc-*) mkdir -p "$out/etc" && : >"$out/etc/protocols" && : >"$out/etc/services" ;;
    busybox-*) printf '#!/bin/sh\nexec /bin/busybox httpd "$@"\n' >"$out/bin/httpd" ;;
    perl-*File-Slurp* | perl-*JSON*) mkdir -p "$out/lib/perl5" && cp -R "$perlModules" "$out/lib/perl5/site_perl" ;;
    nix-[0-9]*)
        mkdir -p "$out/lib/systemd/system"
        cp "$units/system/nix-daemon.service" "$units/system/nix-daemon.socket" "$out/lib/systemd/system"
        ;;
    dbus-*)
        mkdir -p "$out/etc/systemd/system" "$out/etc/systemd/user"
        cp "$units"/system/dbus.* "$out/etc/systemd/system"
        ;;
    systemd-[0-9]*)
        unitsOf system "$out/example/systemd/system"
        unitsOf user "$out/example/systemd/user"
        # Of a list, it expects no marks before the names, which systemd has begun to print since.
        sed -i '2i case " $* " in *" list-units "*) set -- "$@" --plain ;; esac' "$out/bin/systemctl"
        mkdir -p "$out/lib/systemd"
        ln -s /usr/lib/systemd/systemd "$out/lib/systemd/systemd"
        ;;
esac
