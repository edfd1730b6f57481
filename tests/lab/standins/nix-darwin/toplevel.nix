# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The Mac's closure: all of its activation happens in one script, as root and with an environment of its own.

{
  config,
  lib,
  pkgs,
  ...
}:
let
  failed = lib.filter (check: !check.assertion) config.assertions;
  checked =
    result:
    if failed != [ ] then
      throw "\nFailed assertions:\n${lib.concatMapStringsSep "\n" (check: "- ${check.message}") failed}"
    else
      lib.foldl' (value: warning: lib.warn warning value) result config.warnings;

  path = pkgs.symlinkJoin {
    name = "system-path";
    paths = config.environment.systemPackages ++ [
      (pkgs.writeShellScriptBin "darwin-version" "echo ${lib.escapeShellArg config.system.darwinLabel}")
    ];
  };

  stepText = name: ''
    # ${name}
    ${config.system.activationScripts.${name}.text}
  '';

  activate = pkgs.writeText "activate-script" ''
    set -e
    set -o pipefail
    PATH=/usr/bin:/bin:/usr/sbin:/sbin
    export PATH
    export USER=root LOGNAME=root HOME=~root MAIL=/var/mail/root SHELL=$BASH LANG=C LC_CTYPE=UTF-8
    umask 0022
    cd /

    if [[ $(id -u) -ne 0 ]]; then
      printf '\e[1;31merror: `activate` must be run as root\e[0m\n' >&2
      exit 2
    fi

    ${lib.concatMapStrings stepText config.system.activationSteps}

    ln -sfn "$(readlink -f "$systemConfig")" /run/current-system
    if [[ -d /nix/var/nix/gcroots ]]; then
      ln -sfn /run/current-system /nix/var/nix/gcroots/current-system
    fi
  '';

  # What is left of activation as the user: nothing but a word to those who still call it.
  activateUser = pkgs.writeScript "activate-user" ''
    #!/bin/sh
    # nix-darwin: deprecated
    printf 'warning: `activate-user` is deprecated and will be removed in 25.11\n' >&2
  '';
in
{
  system.path = path;

  system.checks.text = lib.mkMerge [
    (lib.mkIf (config.system.primaryUser != null) ''
      if ! id -- ${lib.escapeShellArg config.system.primaryUser} &>/dev/null; then
        printf '\e[1;31merror: primary user `%s` does not exist, aborting activation\e[0m\n' ${lib.escapeShellArg config.system.primaryUser} >&2
        exit 2
      fi
    '')
    (lib.mkIf config.nix.enable ''
      if [[ -e /usr/local/bin/determinate-nixd ]]; then
        printf '\e[1;31merror: Determinate detected, aborting activation\e[0m\n' >&2
        exit 2
      fi
    '')
  ];

  system.activationScripts.checks.text = ''
    ${config.system.checks.text}
    if [[ "''${checkActivation:-0}" -eq 1 ]]; then
      echo "ok" >&2
      exit 0
    fi
  '';

  # Every boot, and every activation that changes this job's own file: an update, or a file of /etc that comes or goes.
  launchd.daemons.activate-system = {
    command = "${pkgs.writeScript "activate-system-start" ''
      #!/bin/bash
      set -e
      set -o pipefail
      PATH=/usr/bin:/bin:/usr/sbin:/sbin
      export PATH
      systemConfig=$(cat ${config.system.profile}/systemConfig)
      ln -sfn "$(cat ${config.system.profile}/systemConfig)" /run/current-system
      if [[ -d /nix/var/nix/gcroots ]]; then
        ln -sfn /run/current-system /nix/var/nix/gcroots/current-system
      fi
      ${config.system.activationScripts.checks.text}
      ${config.system.activationScripts.etc.text}
      ${config.system.activationScripts.keyboard.text}
    ''}";
    serviceConfig.RunAtLoad = true;
  };

  system.build.toplevel = checked (
    pkgs.runCommand "darwin-system-${config.system.darwinLabel}" { label = config.system.darwinLabel; } ''
      mkdir -p "$out/Library" "$out/user/Library" "$out/darwin"
      {
        printf '#!/usr/bin/env -i /bin/bash\nsystemConfig=%s\n' "$out"
        cat ${activate}
      } > "$out/activate"
      chmod +x "$out/activate"
      cp ${activateUser} "$out/activate-user"

      ln -s ${config.system.build.etc}/etc "$out/etc"
      ln -s ${path} "$out/sw"
      ln -s ${config.system.build.launchd}/Library/LaunchAgents "$out/Library/LaunchAgents"
      ln -s ${config.system.build.launchd}/Library/LaunchDaemons "$out/Library/LaunchDaemons"
      ln -s ${config.system.build.launchd}/user/Library/LaunchAgents "$out/user/Library/LaunchAgents"

      printf %s "$out" > "$out/systemConfig"
      printf %s "$label" > "$out/darwin-version"
      printf '{"darwinLabel":"%s"}\n' "$label" > "$out/darwin-version.json"
      printf %s "$system" > "$out/system"
    ''
  );
}
