#!/bin/sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Makes the system $TOPLEVEL the running one, the default at boot, or both, as NixOS' switch-to-configuration does: the
# same order, lock, lists of units left to do, messages and exit codes. Only units that the system itself brings
# are looked at, so that those of the machine it stands on stay as they are.
#
# Exit codes: 0 done, 1 refused, 2 the activation script failed, 4 units failed, whatever the script did before, 100 only a
# reboot can bring it up. Where the real one ends by what the last call to the operating system left, it is the number that
# is left there: 2 on a machine that is no NixOS, 11 while somebody else has the lock.
set -u
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
action=${1-}
state=/run/nixos
result=0

say() {
  printf '%s\n' "$*" >&2
}

usage() {
  cat >&2 <<USAGE
Usage: switch-to-configuration [check|switch|boot|test|dry-activate]
check:        run pre-switch checks and exit
switch:       make the configuration the boot default and activate now
boot:         make the configuration the boot default
test:         activate the configuration, but don't make it the boot default
dry-activate: show what would be done if this configuration were activated
USAGE
  exit 1
}

# Lists of unit names, one a line, without order and each once.
adding() {
  printf '%s\n%s\n' "$1" "$2" | sort -u | sed '/^$/d'
}

remembered() {
  if test -f "$state/$1"; then cat "$state/$1"; fi
}

tell() {
  if test -n "$2"; then say "$1 $(printf '%s' "$2" | tr '\n' ' ' | sed 's/ *$//; s/ /, /g')"; fi
}

each() {
  # shellcheck disable=SC2086 # names of units have no spaces
  test -z "$2" || $1 $2
}

units_of() {
  test -d "$1" || return 0
  (cd "$1" && for unit in *.service *.timer; do if test -e "$unit"; then echo "$unit"; fi; done)
}

wanted_in() {
  test -d "$1" || return 0
  (cd "$1" && for link in *.wants/* *.requires/*; do if test -e "$link"; then basename "$link"; fi; done) | sort -u
}

has_systemd() {
  test -d /run/systemd/system
}

property() {
  systemctl show --property "$1" --value -- "$2" 2> /dev/null
}

is_up() {
  has_systemd || return 1
  case $(property ActiveState "$1") in active | activating | reloading) return 0 ;; *) return 1 ;; esac
}

has_failed() {
  case $(property ActiveState "$1"):$(property SubState "$1") in
    failed:*) return 0 ;;
    *:auto-restart*) test "$(property ExecMainStatus "$1")" != 0 ;;
    *) return 1 ;;
  esac
}

says() {
  grep -qx -- "$2" "$new/$1"
}

# Sorts the units of the running system by what is to happen to them.
compare() {
  stop='' skip='' restart='' reload='' start=''
  for unit in $(units_of "$old"); do
    is_up "$unit" || continue
    if ! test -e "$new/$unit"; then
      stop=$(adding "$stop" "$unit")
    elif cmp -s "$old/$unit" "$new/$unit"; then
      continue
    elif says "$unit" X-RestartIfChanged=false; then
      skip=$(adding "$skip" "$unit")
    elif says "$unit" X-ReloadIfChanged=true; then
      reload=$(adding "$reload" "$unit")
    elif says "$unit" X-StopIfChanged=false; then
      restart=$(adding "$restart" "$unit")
    else
      stop=$(adding "$stop" "$unit")
      start=$(adding "$start" "$unit")
    fi
  done
}

# Units that the targets of the new system pull in and that do not run.
missing() {
  for unit in $(wanted_in "$new"); do
    is_up "$unit" || echo "$unit"
  done
}

dry_activate() {
  compare
  tell "would stop the following units:" "$stop"
  tell "would NOT stop the following changed units:" "$skip"
  say "would activate the configuration..."
  "$TOPLEVEL/dry-activate" "$TOPLEVEL" || say "the dry activation script failed"
  tell "would reload the following units:" "$reload"
  tell "would restart the following units:" "$restart"
  # Not those that are new: they come with their target.
  tell "would start the following units:" "$start"
}

# The targets of both systems that are active now, and so whatever the new system has put into them.
targets() {
  systemctl show --state=active --property=Id,RefuseManualStart '*.target' |
    awk -F= '$1 == "Id" { name = $2 } $1 == "RefuseManualStart" && $2 == "no" { print name }' |
    while IFS= read -r name; do
      if test -e "$new/$name" && test -e "$old/$name"; then printf '%s\n' "$name"; fi
    done
}

# A service of the simple type counts as started before its program could fail.
settle() {
  tries=5
  while test "$tries" -gt 0 && test -n "$1"; do
    sleep 0.1
    for unit in $1; do if has_failed "$unit"; then return; fi; done
    tries=$((tries - 1))
  done
}

ended_by() {
  say "Error: $*"
  exit 1
}

# The units of those who are logged in, each by a process of theirs.
reload_users() {
  users=$(loginctl list-users --no-legend) || {
    say "Unable to list users with logind"
    exit 11
  }
  printf '%s\n' "$users" | sed '/^$/d' > "$state/users"
  while read -r uid name _; do
    say "reloading user units for $name..."
    setpriv --reuid "$uid" --regid "$(id -g "$name")" --init-groups env -i PATH="$PATH" XDG_RUNTIME_DIR="/run/user/$uid" \
      TOPLEVEL="$TOPLEVEL" OLD_TOPLEVEL="$old_toplevel" /bin/sh "$USER_UNITS" < /dev/null || {
      say "warning: user activation for $name failed"
      result=4
    }
  done < "$state/users"
  rm "$state/users"
}

activate() {
  compare
  if has_systemd; then
    busctl --system --timeout=25 status > /dev/null 2>&1 || ended_by "Failed to open dbus connection"
    start=$(adding "$start" "$(remembered start-list)")
    restart=$(adding "$restart" "$(remembered restart-list)")
    reload=$(adding "$reload" "$(remembered reload-list)")
    printf '%s\n' "$start" > "$state/start-list"
    printf '%s\n' "$restart" > "$state/restart-list"
    printf '%s\n' "$reload" > "$state/reload-list"

    tell "stopping the following units:" "$stop"
    each "systemctl stop --" "$stop"
    tell "NOT restarting the following changed units:" "$skip"
  fi

  say "activating the configuration..."
  "$TOPLEVEL/activate" "$TOPLEVEL" || {
    say "Failed to run activate script"
    result=2
  }

  if has_systemd; then
    systemctl reset-failed || ended_by "Failed to reset failed units"
    systemctl daemon-reload || ended_by "systemd daemon reload failed"
    reload_users

    say "restarting sysinit-reactivation.target"
    systemctl restart sysinit-reactivation.target || result=4

    tell "reloading the following units:" "$reload"
    each "systemctl reload --" "$reload" || result=4
    rm -f "$state/reload-list"

    tell "restarting the following units:" "$restart"
    each "systemctl restart --" "$restart" || result=4
    rm -f "$state/restart-list"

    new_units=$(missing | grep -vxF -e "$start")
    tell "starting the following units:" "$start"
    each "systemctl start --" "$(adding "$start" "$(adding "$new_units" "$(targets)")")" || result=4
    rm -f "$state/start-list"

    touched=$(adding "$(adding "$restart" "$start")" "$new_units")
    settle "$touched"
    tell "the following new units were started:" "$(for unit in $new_units; do if is_up "$unit" && ! has_failed "$unit"; then echo "$unit"; fi; done)"

    failed=$(for unit in $(units_of "$new"); do if has_failed "$unit"; then echo "$unit"; fi; done)
    if test -n "$failed"; then
      tell "warning: the following units failed:" "$failed"
      each "systemctl status --no-pager --full --lines=10 --" "$failed" >&2
      result=4
    fi
  fi
}

case $action in
  switch | boot | test | dry-activate | check) ;;
  *) usage ;;
esac
if test "$(id -u)" != 0; then ended_by "switch-to-configuration must be run as the root user"; fi
NIXOS_ACTION=$action
export NIXOS_ACTION
old_toplevel=$(readlink -f /run/current-system) || old_toplevel=/run/current-system

if ! test -f /etc/NIXOS && ! grep -qx "ID=\"\{0,1\}$DISTRO_ID\"\{0,1\}" /etc/os-release; then
  say "This is not a NixOS installation!"
  exit 2
fi

mkdir -p "$state"
exec 9>> "$state/switch-to-configuration.lock"
flock --nonblock 9 || { say "Could not acquire lock"; exit 11; }

if test "${NIXOS_NO_CHECK-}" != 1 && ! "$PRE_SWITCH_CHECK" "$TOPLEVEL" "$action" 9>&-; then
  say "Pre-switch checks failed"
  exit 1
fi
if test "$action" = check; then exit 0; fi

if test "$action" = switch || test "$action" = boot; then
  "$INSTALL_BOOTLOADER" "$TOPLEVEL" 9>&- || { say "Failed to install bootloader"; exit 1; }
fi
if test "${NIXOS_NO_SYNC-}" != 1; then sync -f /nix/store; fi
if test "$action" = boot; then exit 0; fi

# A machine of the fleet has no system before its first one, which no real machine is without.
interface=init-interface-version
if test -e "/run/current-system/$interface" && ! cmp -s "/run/current-system/$interface" "$TOPLEVEL/$interface"; then
  say "Warning: the new NixOS configuration has an $(printf '\342\200\230init\342\200\231') that is
incompatible with the current configuration.  The new configuration
won't take effect until you reboot the system."
  exit 100
fi

new=$TOPLEVEL/etc/systemd/system
old=$(readlink -f /etc/static || echo /nonexistent)/systemd/system

if test "$action" = dry-activate; then
  dry_activate
  exit 0
fi

if command -v logger > /dev/null; then logger --id=$$ "switching to system configuration $TOPLEVEL" || true; fi
activate 9>&-
exit "$result"
