# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# nix-darwin. Its launch daemon org.nixos.activate-system makes current what the profile stands at: when the machine boots, and
# whenever an activation has changed that daemon. So the profile is set before anything is activated, as darwin-rebuild does.

platform_needs_root=yes
path_system_file=darwin-version
platform_default_first=yes
current_system=/run/current-system
darwin_etc=/etc darwin_library=/Library darwin_users=/Users
darwin_sshd=com.openssh.sshd
platform_again_sets_running=yes
recorded_aside=''

platform_present() {
    [ "$(uname -s)" = Darwin ] || [ -e "$current_system/darwin-version" ]
}

platform_default_profile() {
    echo /nix/var/nix/profiles/system
}

platform_refusal() {
    for file in activate systemConfig; do
        [ -e "$1/$file" ] && continue
        printf '%s\n' "$1 is not a nix-darwin system: it has no $file"
        break
    done
}

platform_find_running() {
    path_find_closure "$current_system"
}

# Its own check looks at all but /etc. Check mode is to change nothing, and has to do without that one.
platform_check() {
    darwin_check_etc "$1" || return
    [ "$check" = 1 ] || darwin_check_activation "$1"
}

platform_unchecked() {
    if [ "$no_check" = 0 ] && { [ ! -e "$closure" ] || ! state_is_root; }; then
        echo '/etc was not looked at: that takes root, and the closure on the machine (--skip-tags activate brings it)'
    fi
    echo "nix-darwin's own checks were not run: the activation does that"
}

darwin_check_etc() { # whether there is nothing in /etc that stops the activation of closure $1
    darwin_found=$(darwin_unknown_files "$1")
    [ -n "$darwin_found" ] || return 0
    printf 'error: nix-darwin stops at files in /etc that it does not know: %s\n' "$(printf '%s\n' "$darwin_found" | paste -s -d ' ' -)"
    return 2
}

darwin_unknown_files() { # print the files in /etc that are in the way of closure $1
    darwin_in_the_way "$1" | while IFS= read -r darwin_name; do
        darwin_knows "$darwin_name" "$1" || printf '%s\n' "$darwin_etc/$darwin_name"
    done
}

darwin_in_the_way() { # print which files closure $1 has in etc are there already, and are not nix-darwin's, known to it or not
    find -H "$1/etc" -type l | while IFS= read -r darwin_link; do
        darwin_name=${darwin_link#"$1/etc/"}
        if [ ! -e "$darwin_etc/$darwin_name" ] && [ ! -L "$darwin_etc/$darwin_name" ]; then continue; fi
        [ "$(readlink "$darwin_etc/$darwin_name")" = "/etc/static/$darwin_name" ] || printf '%s\n' "$darwin_name"
    done
    [ ! -e "$darwin_etc/nix/nix.custom.conf" ] || ! grep -qF nix.custom.conf "$1/activate" || echo nix/nix.custom.conf
}

darwin_knows() { # whether file $1 in /etc is one that the activation of closure $2 replaces; it has a line for each file's hashes
    [ -f "$darwin_etc/$1" ] && darwin_hash=$(shasum -a 256 "$darwin_etc/$1") &&
        grep -F "${darwin_hash%% *}" "$2/activate" | grep -qF -e "$1]=" -e "$1']="
}

darwin_check_activation() ( # closure $1; systems from before mid-2025 have no such check
    grep -q checkActivation "$1/activate" || exit 0
    # The script clears its environment on its first line; naming its interpreter keeps the variable.
    interpreter=$(sed -n '1s/.*[! ]//p' "$1/activate")
    darwin_said=$(checkActivation=1 PATH=$own_path "$interpreter" "$1/activate" 2>&1)
    set -- $?
    # Without colours, and of a failure the lines from the one on that says what is wrong.
    [ "$1" = 0 ] && darwin_from=1 || darwin_from='/error:/'
    printf '%s\n' "$darwin_said" | sed "s/$(printf '\033')\[[0-9;]*m//g" | sed -n "$darwin_from,\$p" | head -n 20
    exit "$1"
)

platform_dry_activate() (
    darwin_check_etc "$1" || exit
    if ! grep -q checkActivation "$1/activate"; then
        echo 'nothing in /etc is in the way; this nix-darwin has no check of an activation'
        exit 1
    fi
    darwin_check_activation "$1"
    set -- $?
    echo 'to check, it has run what the system has in preActivation, which may have changed something'
    exit "$1"
)

platform_activate() {
    darwin_activate_user "$1" && PATH=$own_path "$1/activate" || return
    darwin_remove_services "$recorded_running" "$1"
}

darwin_activate_user() { # systems from before mid-2025 have a part that the user runs; newer ones keep a stub that only warns
    [ -x "$1/activate-user" ] && ! grep -q '^# nix-darwin: deprecated$' "$1/activate-user" || return 0
    if [ -z "${SUDO_USER:-}" ]; then
        echo 'this system has an activate-user program, and there is no SUDO_USER to run it as'
        return 1
    fi
    sudo --user="$SUDO_USER" --set-home -- "$1/activate-user"
}

# An activation removes what /run/current-system has and the new system has not: after one that has failed half way, that is to be
# what has failed.
platform_activate_again() {
    darwin_let_in
    darwin_await_job
    [ "$3" = no ] || ln -sfn "$activated" "$current_system"
    # What stands by now where this system has its links would stop it.
    darwin_unknown_files "$1" | while IFS= read -r darwin_file; do mv "$darwin_file" "$darwin_file.$id"; done
    PATH=$own_path "$1/activate" || {
        set -- "$1" $?
        darwin_drop_settings || return "$2"
        PATH=$own_path "$1/activate" || return
    }
    darwin_remove_services "$activated" "$1"
    # The user's part last: it needs sudo, which the new system may have broken. Without one, that has changed nothing of the user's.
    darwin_put_back && { [ -z "${SUDO_USER:-}" ] || darwin_activate_user "$1"; }
}

# What home-manager's module has given users to say to Nix: where that stops each Nix of theirs, it stops the activation too, which
# makes the links of its own home again.
darwin_drop_settings() { # fails where there is nothing of it
    set --
    for darwin_file in "$darwin_users"/*/.config/nix/nix.conf; do
        case $(readlink "$darwin_file" 2>/dev/null) in
            "$store"/*-home-manager-files/*) rm -f "$darwin_file" && set -- "$darwin_file" ;;
        esac
    done
    [ "$#" -gt 0 ]
}

# A file that nix-darwin knows is renamed for its own link, of two of which `//` is between. Remote Login is no file: a system may turn
# it off, and the one before say nothing of it.
platform_find_aside() {
    aside=$(
        darwin_in_the_way "$1" | while IFS= read -r darwin_name; do printf '%s//' "$darwin_name"; done
        ! darwin_lets_in || printf '%s//' "$darwin_sshd"
    )
}

darwin_lets_in() { # whether it is on
    launchctl list "$darwin_sshd" >/dev/null 2>&1 </dev/null
}

darwin_let_in() { # as before; what is activated then has the last word
    case //$recorded_aside in *"//$darwin_sshd//"*) ;; *) return ;; esac
    darwin_lets_in || { launchctl enable "system/$darwin_sshd" && launchctl bootstrap system /System/Library/LaunchDaemons/ssh.plist; } </dev/null
}

darwin_put_back() {
    aside=$recorded_aside
    while [ -n "$aside" ]; do
        darwin_file=$darwin_etc/${aside%%//*}
        aside=${aside#*//}
        if [ ! -e "$darwin_file" ] && [ ! -L "$darwin_file" ] && [ -e "$darwin_file.before-nix-darwin" ]; then
            mv "$darwin_file.before-nix-darwin" "$darwin_file"
        fi
    done
}

darwin_await_job() { # until that daemon has ended, which would make current what it had read before
    darwin_waited=0
    while [ -n "$(platform_coming_up)" ] && [ "$darwin_waited" -lt 60 ]; do
        sleep 1
        darwin_waited=$((darwin_waited + 1))
    done
}

# The daemon that an activation loads may make the new system current before the services of the old one are looked for there.
darwin_remove_services() { # those of closure $1 which closure $2 has not
    darwin_more "$1" "$2" Library/LaunchDaemons Library/LaunchAgents | while IFS= read -r darwin_name; do
        darwin_file=$darwin_library/${darwin_name#Library/}
        [ -e "$darwin_file" ] || continue
        printf 'removing %s, which the activation has left\n' "$darwin_file"
        launchctl unload "$darwin_file" </dev/null
        rm -f "$darwin_file"
    done
}

darwin_more() ( # print what system $1 has in its directories $3… that system $2, if there is one, has not
    [ -e "$1/systemConfig" ] || exit 0
    from=$1 to=$2
    shift 2
    for directory; do
        [ -e "$from/$directory" ] || continue
        find -H "$from/$directory" -type l | while IFS= read -r darwin_link; do
            darwin_name=${darwin_link#"$from/"}
            { [ -n "$to" ] && [ -L "$to/$darwin_name" ]; } || printf '%s\n' "$darwin_name"
        done
    done
)

platform_remains() {
    darwin_more "$1" "$2" Library/LaunchDaemons Library/LaunchAgents etc | while IFS= read -r darwin_name; do
        case $darwin_name in
            etc/*)
                [ "$(readlink "$darwin_etc/${darwin_name#etc/}")" != "/etc/static/${darwin_name#etc/}" ] ||
                    printf '%s\n' "$darwin_etc/${darwin_name#etc/}"
                ;;
            *)
                darwin_service=${darwin_name##*/}
                darwin_service=${darwin_service%.plist}
                if [ -e "$darwin_library/${darwin_name#Library/}" ]; then
                    printf '%s\n' "$darwin_library/${darwin_name#Library/}"
                elif launchctl list "$darwin_service" >/dev/null 2>&1 </dev/null; then
                    printf 'the service %s\n' "$darwin_service"
                fi
                ;;
        esac
    done
    find "$darwin_etc/" -name "*.$id" 2>/dev/null
}

# A Mac that loses its power comes back on what the profile stands at, which is the new system. So launchd is to go back at the
# next boot, unless this deployment has ended by then.
platform_watch_boot() {
    darwin_find_watch "$id"
    mkdir -p "${darwin_watch%/*}" && darwin_watch_text >"$darwin_watch.new" && mv -f "$darwin_watch.new" "$darwin_watch" &&
        path_flush "$darwin_watch" "${darwin_watch%/*}"
}

platform_unwatch_boot() {
    darwin_find_watch "$1"
    rm -f "$darwin_watch" "$darwin_watch.new"
}

darwin_find_watch() { # of deployment $1
    darwin_watch=$darwin_library/LaunchDaemons/nix.fleet.$1.plist
}

# Of a deployment that has ended, nothing is left to run. What cannot be read may be on what is not mounted yet.
# shellcheck disable=SC2016  # expanded by that shell
darwin_at_boot='/bin/wait4path /nix/store; NIX_FLEET_PROGRAM=$(cat "$1/program") || exit; [ -n "$NIX_FLEET_PROGRAM" ] || exec rm -f "$2"; '\
'export NIX_FLEET_PROGRAM; set -- recover; '$run_program

darwin_watch_text() {
    printf '%s\n' '<?xml version="1.0" encoding="UTF-8"?>' \
        '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">' \
        '<plist version="1.0"><dict><key>RunAtLoad</key><true/>' \
        '<key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict><key>ThrottleInterval</key><integer>30</integer>'
    darwin_text Label "nix.fleet.$id"
    darwin_text StandardErrorPath "$run/log"
    printf '<key>EnvironmentVariables</key><dict>\n'
    darwin_text PATH "$PATH"
    darwin_text HOME "${HOME:-/var/root}"
    [ -z "${NIX_FLEET_STATE_DIRECTORY:-}" ] || darwin_text NIX_FLEET_STATE_DIRECTORY "$NIX_FLEET_STATE_DIRECTORY"
    [ -z "${SUDO_USER:-}" ] || darwin_text SUDO_USER "$SUDO_USER"
    printf '</dict><key>ProgramArguments</key><array>\n'
    for darwin_word in /bin/sh -c "$darwin_at_boot" "nix.fleet-$id" "$run" "$darwin_watch"; do
        printf '<string>%s</string>\n' "$(darwin_xml "$darwin_word")"
    done
    printf '</array></dict></plist>\n'
}

darwin_text() { # entry $1 of a property list, with text $2
    printf '<key>%s</key><string>%s</string>\n' "$1" "$(darwin_xml "$2")"
}

darwin_xml() {
    printf '%s\n' "$1" | sed -e 's/&/\&amp;/g' -e 's/</\&lt;/g' -e 's/>/\&gt;/g'
}

platform_failure_advice() {
    darwin_words=$(cat)
    case $darwin_words in
        *'Full Disk Access'* | *'update apps over SSH'*)
            echo 'on the Mac, turn on "Allow full disk access for remote users": System Settings, General, Sharing, the i of Remote Login'
            ;;
        *'Determinate detected'*) echo 'set nix.enable = false, since Determinate manages Nix on this Mac' ;;
        *'Build users have unexpected UIDs'*) echo 'set ids.uids.nixbld as the message says, or move the users with the command that it names' ;;
        *'Build user group has mismatching GID'*) echo 'set ids.gids.nixbld to the number that the message names' ;;
        *'primary user'*'does not exist'*) echo 'set system.primaryUser to a user whom this Mac has' ;;
        *nix.custom.conf*)
            echo 'take what /etc/nix/nix.custom.conf sets into nix.settings, and rename the file to end in .before-nix-darwin'
            ;;
        *'files in /etc'*) echo 'rename the files to end in .before-nix-darwin (bootstrap_move_aside does), and deploy again' ;;
    esac
}

platform_reboot_machine() {
    shutdown -r now ${message:+"$message"}
}

platform_coming_up() {
    if [ -z "$(platform_running)" ]; then
        printf 'the system has not been activated yet\n'
        return
    fi
    for darwin_file in "$current_system"/Library/LaunchDaemons/*.activate-system.plist; do
        darwin_service=${darwin_file##*/}
        ! launchctl list "${darwin_service%.plist}" 2>/dev/null </dev/null | grep -q '"PID"' ||
            printf '%s is still at work\n' "${darwin_service%.plist}"
    done
}

platform_failure_named() { # what aborts an activation is said before what to do about it
    sed -n 's/^error: //p' | head -n 1
}

platform_warnings() { # in one that has succeeded, an error is of a part that was skipped
    sed -n -e 's/^warning: //p' -e 's/^error: //p'
}
