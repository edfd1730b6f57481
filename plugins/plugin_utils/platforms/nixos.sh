# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# NixOS. Exit codes of switch-to-configuration: 2 the activation script failed, 4 units failed, 100 needs a reboot.

platform_needs_root=yes
path_system_file=nixos-version
platform_dry_run_writes=no
platform_boot_activates=yes
platform_boot_entries=yes
current_system=/run/current-system
booted_system=/run/booted-system
nixos_units=/run/systemd/system
nixos_variables=/sys/firmware/efi/efivars nixos_mounts=/proc/mounts
nixos_newest_files='/boot/limine/limine.conf /efi/limine/limine.conf /boot/efi/limine/limine.conf
    /boot/efi/refind/refind.conf /boot/EFI/refind/refind.conf /efi/efi/refind/refind.conf /boot/efi/efi/refind/refind.conf'
nixos_loader_files="/boot/loader/loader.conf /efi/loader/loader.conf /boot/efi/loader/loader.conf
    $nixos_newest_files /boot/grub/grub.cfg /boot/extlinux/extlinux.conf"
nixos_etc=/etc nixos_users=/var/lib/nixos
recorded_aside=''
nixos_lock=/run/nixos/switch-to-configuration.lock nixos_no_check=0
platform_lock_name="NixOS's own lock (/run/nixos/switch-to-configuration.lock)"
platform_check_advice='deploy with deploy_goal=boot and reboot, or with deploy_no_check=true if you know better than the check'

platform_present() {
    [ -e /etc/NIXOS ] || [ -e "$current_system/nixos-version" ]
}

platform_default_profile() {
    echo /nix/var/nix/profiles/system
}

platform_refusal() {
    if [ ! -e "$1/nixos-version" ]; then
        printf '%s\n' "$1 is not a NixOS system: it has no nixos-version"
    elif [ ! -e "$1/bin/switch-to-configuration" ]; then
        printf '%s\n' "$1 has no bin/switch-to-configuration, as with system.switch.enable = false"
    fi
}

platform_refusal_advice() {
    if [ -e "$1/nixos-version" ]; then
        echo 'set system.switch.enable = true, deploy with deploy_goal=boot, and reboot'
    else
        echo 'check that platform and closure belong together'
    fi
}

platform_booted() {
    path_closure "$booted_system"
}

platform_find_running() {
    path_find_closure "$current_system"
}

nixos_switch() { # closure $1, action $2
    NIXOS_INSTALL_BOOTLOADER=$install_bootloader NIXOS_NO_CHECK=$nixos_no_check PATH=$own_path "$1/bin/switch-to-configuration" "$2"
}

# `test` and then `boot`, never `switch`, which installs the boot loader before it has tried anything.
platform_activate() {
    nixos_no_check=$no_check
    nixos_test "$1"
    set -- $?
    [ "$1" != 0 ] && nixos_is_emergency || return "$1"
    echo "systemd is in emergency mode, as when a file system cannot be mounted; failed: $(platform_failed_units | paste -s -d ' ' -)"
    return 1
}

# In a container of LXC, the activation itself has that boot closure $1. What it booted stays until there is `boot`, unless that is
# what an activation that was cut off has left.
nixos_test() {
    nixos_find_init
    case $nixos_init in
        "$activated"/* | "$closure"/*) nixos_init='' ;;
        ?*) nixos_keep_init & ;;
    esac
    nixos_switch "$1" test
    set -- $?
    if [ -n "$nixos_init" ]; then
        kill "$!" 2>/dev/null
        # bash would say that it was ended.
        wait "$!" 2>/dev/null
        nixos_put_back_init
    fi
    return "$1"
}

nixos_find_init() { # set `nixos_init` to what a container of LXC boots, or to nothing: in WSL, it is no file of a system
    nixos_init=$(readlink /sbin/init)
    # A link to the profile is somebody's own.
    case $nixos_init in "$store"/*) [ -e "${nixos_init%/*}/nixos-version" ] ;; *) false ;; esac || nixos_init=''
}

nixos_keep_init() { # as it was for as long as this step lasts: the container may lose its power in the middle
    while kill -0 $$ 2>/dev/null; do
        nixos_put_back_init
        sleep 0.1 2>/dev/null || sleep 1
    done
}

nixos_put_back_init() {
    [ "$(readlink /sbin/init)" = "$nixos_init" ] || nixos_link_init "$nixos_init"
}

platform_make_default() {
    nixos_no_check=$no_check
    nixos_boot "$1"
}

nixos_boot() {
    nixos_switch "$1" boot || return
    nixos_find_init
    case $nixos_init in
        '') ;;
        # Its name there is another one where systemd is the initrd's init.
        "$1"/*) path_flush /sbin ;;
        *) nixos_link_init "$1/${nixos_init##*/}" || return ;;
    esac
    nixos_flush_boot
}

nixos_link_init() { # have a container of LXC boot $1
    ln -sfn "$1" /sbin/init && path_flush /sbin
}

# What writes files for GRUB or U-Boot leaves them in memory. By name and not for ever, since a file system can hang.
nixos_flush_boot() {
    set --
    [ ! -d /boot/ ] || set -- /boot/
    # Of its kind are a user's sticks as well, which may take long.
    while read -r _ nixos_directory _; do
        case $nixos_directory in
            *\\* | /boot) ;; # a name that is written in another way there, or one that is in the list already
            /boot* | /efi* | /esp*) set -- "$@" "$nixos_directory/" ;;
        esac
    done 2>/dev/null <"$nixos_mounts"
    [ "$#" -gt 0 ] || return 0
    # Whoever reads what this prints would wait for it.
    # A quarter of what the whole step has.
    process_run_within $((activation_timeout * 25)) sync -f "$@" >/dev/null 2>&1 ||
        echo "warning: what the machine boots was not on the disk after $((activation_timeout / 4)) s: $*"
}

# The system that a machine goes back to ran already: a check of its own, which may need the network, keeps nobody locked out.
platform_activate_again() {
    nixos_no_check=1
    kept_put_back nixos_put_back
    nixos_back=$?
    nixos_emergency=no
    if nixos_is_emergency; then
        nixos_emergency=yes
        # There, an activation finds no bus to talk by.
        systemctl --job-mode=ignore-requirements start dbus.socket dbus.service
    fi
    nixos_test "$1"
    set -- $?
    nixos_leave_emergency
    [ "$nixos_back" != 0 ] || return "$1"
    kept_say_left
    return 1
}

# NixOS waits for the services of each user who is logged in, without a limit, before it starts those of the machine.
platform_start_stopped() {
    platform_find_running
    [ "$target" = "$1" ] || return 0
    nixos_each_unit start /run/nixos/start-list
    nixos_each_unit restart /run/nixos/restart-list
    systemctl start --no-block default.target
}

nixos_each_unit() { # have systemctl do $1 with the units of list $2
    while IFS= read -r nixos_unit; do
        systemctl "$1" --no-block "$nixos_unit"
    done 2>/dev/null <"$2"
}

nixos_leave_emergency() { # and start what was stopped for it: an activation that leads out of it does not
    while ! platform_leaving && { [ "$nixos_emergency" = yes ] || nixos_is_emergency || nixos_has_lost_target; }; do
        nixos_emergency=no
        # Targets of this kind stay active, without what they want.
        systemctl start sockets.target timers.target paths.target default.target
        sleep 2
    done
}

nixos_is_emergency() { # whether a file system that could not be mounted has had systemd stop nearly everything
    [ "$(systemctl is-system-running 2>/dev/null)" = maintenance ]
}

nixos_default_target() { # which a unit that failed, or takes long, may have kept a machine from that is well
    systemctl is-active default.target 2>/dev/null
}

nixos_has_lost_target() { # which it had reached before the deployment
    case $recorded_aside:$(nixos_default_target) in
        active:inactive | active:failed | active:deactivating) return 0 ;;
    esac
    return 1
}

# What an activation takes away and no other one makes again, in memory: who may log in and by which password, and files of the host's own
# where closure $1 has one of that name, and the system that runs has none. Fails, and says why, where not all of it could be kept.
platform_find_aside() {
    aside=$(nixos_default_target)
    nixos_files=''
    [ ! -d "$1/etc" ] || nixos_files=$(find "$1/etc/" ! -type d -printf "$nixos_etc/%P\n") || {
        echo "$1/etc could not be listed"
        return 1
    }
    printf '%s\n' "$nixos_etc/passwd" "$nixos_etc/shadow" "$nixos_etc/group" \
        "$nixos_users/declarative-users" "$nixos_users/declarative-groups" "$nixos_files" | while IFS= read -r nixos_file; do
        if [ -f "$nixos_file" ] && [ ! -L "$nixos_file" ] && [ ! -e "$current_system/etc/${nixos_file#"$nixos_etc/"}" ]; then
            kept_add "$nixos_file" || exit
        fi
    done
}

nixos_put_back() { # kept file $1 as file $2
    [ -L "$2" ] || ! cmp -s "$1" "$2" || return 0
    echo "putting back $2"
    # What stands there as NixOS's own copy, the next activation would take away.
    ! grep -qxF -e "${2#"$nixos_etc/"}" "$nixos_etc/.clean" 2>/dev/null || path_remove_line "$nixos_etc/.clean" "${2#"$nixos_etc/"}" || return
    path_copy "$1" "$2"
}

platform_make_default_again() {
    nixos_no_check=1
    # To install the boot loader itself begins by taking away what it boots.
    install_bootloader=0
    ! nixos_grub_is_half_installed || install_bootloader=1
    # What runs is to be brought back first, and after that this is tried again.
    nixos_boot_answers || {
        echo 'what the machine boots from does not answer'
        return 124
    }
    # systemd-boot's builder does not begin while what it left on a full disk is there.
    [ -n "$(platform_lock_holder)" ] || rm -f /boot/loader/loader.tmp /efi/loader/loader.tmp /boot/efi/loader/loader.tmp
    nixos_boot "$1"
}

platform_dry_activate() {
    nixos_no_check=$no_check
    nixos_switch "$1" dry-activate
}

platform_check() {
    nixos_no_check=0
    nixos_said=$(nixos_switch "$1" check 2>&1)
    set -- $?
    [ -z "$nixos_said" ] || printf '%s\n' "$nixos_said"
    case $nixos_said in
        # Systems of before 2025 have no such action.
        *Usage:*switch-to-configuration*) return 0 ;;
    esac
    return "$1"
}

# Systems since 25.05 do not wait for the lock. A missing logind ends with the same exit code, so that only words tell.
platform_is_locked() {
    case $1 in
        0 | 2 | 4 | 100 | 124) return 1 ;;
    esac
    step_words | platform_words_are_of_lock
}

platform_words_are_of_lock() {
    grep -q '^Could not acquire lock'
}

platform_lock_holder() {
    [ -e "$nixos_lock" ] && [ -r /proc/locks ] || return 0
    # shellcheck disable=SC2012  # a name of ours, of which the number is wanted
    nixos_inode=$(ls -i "$nixos_lock" | sed 's/^ *\([0-9]*\).*/\1/')
    nixos_process=$(sed -n "s/^[0-9]*: FLOCK  *ADVISORY  *WRITE \([0-9]*\) [^ ]*:$nixos_inode .*/\1/p" /proc/locks | head -n 1)
    [ -z "$nixos_process" ] || printf 'process %s (%s)\n' "$nixos_process" "$(tr '\0' ' ' 2>/dev/null <"/proc/$nixos_process/cmdline")"
}

# A failed unit's 4 takes the place of a failed activation script's 2; then only words tell.
platform_meaning() {
    nixos_words=$(cat)
    case $1 in
        4)
            case $nixos_words in
                *'Failed to run activate script'* | *'Activation script snippet '*' failed ('*) echo failed ;;
                *) echo units ;;
            esac
            ;;
        100) echo reboot ;;
        *) echo failed ;;
    esac
}

# The line before a snippet's name tells why; the activation goes on after it. A NixOS of 2018 names no snippet: there, what its
# activation script has said last is all that is known of its failure.
platform_failure_named() {
    awk -v code="$1" '
        !found && /^Activation script snippet .* failed/ {
            found = 1
            named = $0
            sub(/^Activation script snippet ./, "", named)
            sub(/. failed.*/, "", named)
            print "the activation script" "\047" "s snippet " named " failed" (why == "" ? "" : ": " why)
        }
        { why = /\.\.\.$/ ? "" : $0 }
        /^activating the configuration\.\.\.$/ { inside = seen = 1; next }
        /^(restarting systemd\.\.\.|setting up tmpfiles)$/ { inside = 0 }
        inside && !/\.\.\.$/ && !/^[Ww]arning: / && /[^[:space:]]/ { last = $0 }
        END { if (!found && seen && code == 2) print "the activation script failed" (last == "" ? ", and does not say where" : ": " last) }'
}

# What units have failed is told by their names. Of all users and groups whose numbers stay as they are, one is named.
platform_warnings() {
    awk '
        !sub(/^[Ww]arning: /, "") { next }
        /^(the following (user )?units failed: |user activation for |the new NixOS configuration has an )/ { next }
        /^not applying [GU]ID change of / { if (!kept[$3]++) first[$3] = $0; next }
        { print }
        END { for (kind in first) print first[kind] (kept[kind] > 1 ? ", and of " kept[kind] - 1 " more" : "") }'
}

platform_units_named() {
    # What could not be reloaded goes on, and only systemctl names it.
    sed -n -e 's/^warning: the following units failed: //p' -e 's/^.*the following user units failed: //p' \
        -e 's/^.*user activation for \([^ ]*\) failed.*/user-activation@\1/p' -e 's/^Job for \([^ ]*\) failed.*/\1/p' |
        tr -s ', ' '\n' | awk '$0 != "" && !named[$0]++' | paste -s -d , - | sed 's/,/, /g'
}

# systemd-boot's loader.conf, limine's limine.conf, GRUB's grub.cfg, U-Boot's extlinux.conf. Nothing where two of them are there, or
# where what they say is not the whole of it, as with rEFInd, which looks for entries itself.
platform_find_boots() {
    boots='' nixos_loaders=0
    nixos_boot_answers || return 0
    for nixos_loader in $nixos_loader_files; do
        [ -r "$nixos_loader" ] || continue
        nixos_loaders=$((nixos_loaders + 1))
        case $nixos_loader in
            */loader.conf) nixos_find_systemd_boot "${nixos_loader%/loader.conf}" ;;
            *) boots=$(nixos_first_default "${nixos_loader##*/}" <"$nixos_loader") ;;
        esac
    done
    [ "$nixos_loaders" = 1 ] || boots=''
    case $boots in
        *-activatable-*) boots=$(path_closure "$boots") ;;
    esac
}

# The installers of limine and rEFInd are not told of one.
platform_boots_newest() {
    for nixos_loader in $nixos_newest_files; do
        [ ! -r "$nixos_loader" ] || return 0
    done
    return 1
}

# What /boot lies on may hang, like a network file system that an activation has cut off: who read it without a limit would never
# come to bring the machine back.
nixos_boot_answers() {
    # shellcheck disable=SC2086  # names
    process_run_within 3000 cat $nixos_loader_files >/dev/null 2>&1
}

nixos_find_systemd_boot() { # of the loader's directory $1
    # What the firmware remembers, chosen in the menu or by bootctl, comes before what the file says.
    for nixos_file in "$nixos_variables"/LoaderEntryDefault-* "$nixos_variables"/LoaderEntryOneShot-*; do
        [ ! -e "$nixos_file" ] || return 0
    done
    nixos_entry=$(sed -n 's/^preferred[[:space:]]*//p' "$1/loader.conf" | tail -n 1)
    [ -n "$nixos_entry" ] || nixos_entry=$(sed -n 's/^default[[:space:]]*//p' "$1/loader.conf" | tail -n 1)
    case $nixos_entry in
        '' | @* | *[!A-Za-z0-9._*-]*) return ;;
    esac
    case $nixos_entry in
        # Images in the place of entries, which lanzaboote makes, match it too.
        *'*'*) ! nixos_is_there "${1%/loader}"/EFI/Linux/*.efi || return ;;
    esac
    # Where entries have a partition of their own (xbootldrMountPoint), NixOS leaves none beside the loader.
    nixos_is_there "$1"/entries/nixos* || set -- /boot/loader
    nixos_lost=''
    ! nixos_is_there "$1"/entries/nixos* || nixos_lost="something else than $nixos_entry, which is not there"
    # With boot counting, the name of an entry's file has how often it may be tried.
    # shellcheck disable=SC2086  # a pattern, where there is one
    set -- "$1"/entries/${nixos_entry%.conf}.conf "$1"/entries/${nixos_entry%.conf}+*.conf
    # A pattern, or what the loader finds by itself, need not be a file of NixOS's. Without that file, others come first.
    case $nixos_entry in
        *'*'*) ;;
        *.conf) boots=$nixos_lost ;;
    esac
    nixos_entry=''
    for nixos_file; do
        [ -r "$nixos_file" ] || continue
        boots=''
        # Of several, the loader chooses by what we do not know.
        [ -z "$nixos_entry" ] || return
        nixos_entry=$nixos_file
    done
    [ -z "$nixos_entry" ] || boots=$(nixos_init_of <"$nixos_entry")
}

nixos_is_there() { # whether a pattern, of which $1 is the first match, has one
    [ -e "$1" ]
}

nixos_init_of() { # the system whose `init` a kernel is given on its command line, the first that there is
    sed -n "s|^.*[[:space:]]init=\($store/[A-Za-z0-9+._?=-]*\)/init\([[:space:]].*\)*\$|\1|p" | head -n 1
}

# GRUB notes what it has installed when that is whole: one that was ended halfway would pass for being there.
nixos_grub_is_half_installed() {
    [ -n "$(find /boot/grub -name '*.mod' -newer /boot/grub/state 2>/dev/null | head -n 1)" ]
}

nixos_first_default() { # of the file named $1: all have the default first, unless it is a remembered one
    nixos_text=$(cat)
    case $1 in
        refind.conf) return ;;
        # The newest generation: by this number, or the next where that has specialisations.
        limine.conf)
            case $(printf '%s\n' "$nixos_text" | sed -n 's/^ *default_entry: *//p') in
                2 | 3) ;;
                *) return ;;
            esac
            ;;
        grub.cfg)
            ! nixos_grub_is_half_installed || return
            printf '%s\n' "$nixos_text" | grep -Eq '^ *set default="?0"?$' || return
            # What grub-reboot has set comes first, once.
            for nixos_once in saved_entry next_entry; do
                case $nixos_text in
                    *"\${$nixos_once}"*) ! grep -q "^$nixos_once=." /boot/grub/grubenv 2>/dev/null || return ;;
                esac
            done
            ;;
        extlinux.conf) printf '%s\n' "$nixos_text" | grep -q '^DEFAULT nixos-default$' || return ;;
    esac
    printf '%s\n' "$nixos_text" | nixos_init_of
}

nixos_find_text() { # set `text` to the first line of file $1, or to nothing
    text=''
    [ ! -r "$1" ] || IFS= read -r text <"$1" || :
}

platform_only_by_reboot() {
    nixos_find_text "$1/init-interface-version"
    new=$text
    nixos_find_text "$current_system/init-interface-version"
    [ -n "$new" ] && [ "$new" != "$text" ]
}

platform_changed_since_boot() {
    # Of a system that is not here yet, nothing is known.
    [ -e "$booted_system" ] && [ -e "$1" ] || return 0
    path_find_closure "$booted_system"
    [ "$target" != "$1" ] || return 0
    for part in kernel initrd kernel-modules dtbs; do
        path_follow "$booted_system/$part"
        booted_part=$resolved
        path_follow "$1/$part"
        [ "$booted_part" = "$resolved" ] || cmp -s "$booted_part" "$resolved" || [ ! -e "$1/$part" ] || printf '%s\n' "$part"
    done
    for part in kernel-params init-interface-version; do
        cmp -s "$booted_system/$part" "$1/$part" || { [ ! -e "$booted_system/$part" ] && [ ! -e "$1/$part" ]; } ||
            printf '%s\n' "$part"
    done
}

platform_leaving() {
    platform_systemd_stops
}

# `systemctl soft-reboot` starts everything anew but the kernel: /run stays, and with it a system that nobody confirmed.
platform_watch_soft_reboot() {
    (umask 077 && printf '%s\n' "$program" >"$live/program-$id") &&
        platform_watch_by_unit "$nixos_units" "$live/again-$id" "$live/program-$id"
}

platform_unwatch_boot() {
    platform_unwatch_by_unit "$nixos_units" "$1" "$live/again-$1"
}

platform_reboot_machine() {
    # shellcheck disable=SC2086  # one word, or none
    systemctl reboot ${message:+--message="$message"}
}

platform_coming_up() {
    nixos_systemd=$(systemctl is-system-running 2>/dev/null)
    case $nixos_systemd in
        initializing | starting | stopping) printf 'systemd is %s\n' "$nixos_systemd" ;;
    esac
}

platform_failed_units() {
    systemctl list-units --failed --plain --no-legend --no-pager 2>/dev/null | cut -d ' ' -f 1
}
