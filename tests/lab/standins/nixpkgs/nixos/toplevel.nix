# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The system's closure, with the files and programs that deployment tools look for in one.

{
  config,
  evaluateAgain,
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

  specialisations = lib.mapAttrs (
    _: special:
    (evaluateAgain (_: {
      imports = [ special.configuration ];
      specialisation = lib.mkForce { };
    })).system.build.toplevel
  ) config.specialisation;

  preSwitchCheck = pkgs.writeShellScript "pre-switch-checks" (
    lib.concatLines (
      lib.mapAttrsToList (name: text: ''
        if ! (
          ${text}
        ) >&2; then
          printf "Pre-switch check '%s' failed\n" ${lib.escapeShellArg name} >&2
          exit 1
        fi
      '') config.system.preSwitchChecks
    )
  );

  inhibitors = pkgs.writeText "switch-inhibitors" "${builtins.toJSON config.system.switch.inhibitors}\n";

  # What LAB_SWITCH_TO_CONFIGURATION named when the fleet was brought up.
  exchanged = ./switch-to-configuration;
  switchToConfiguration =
    if !builtins.pathExists exchanged then
      "/bin/sh ${./switch-to-configuration.sh}"
    else
      "${pkgs.writeShellScript "switch-to-configuration" ''
        # It takes a machine without a system for one that cannot switch. Of the fleet's, none has one before its first.
        case $1 in
          switch | test) test -e /run/current-system || ln -s "$TOPLEVEL" /run/current-system ;;
        esac
        exec ${exchanged} "$@"
      ''}";

  wrapper = program: variables: ''
    {
      printf '#!/bin/sh\nOUT=%s\nTOPLEVEL=%s\nexport OUT TOPLEVEL\n' "$out" "$out"
      ${lib.concatLines (
        lib.mapAttrsToList (name: value: "printf 'export %s=%s\\n' ${name} '${value}'") variables
      )}
      printf 'exec %s "$@"\n' ${lib.escapeShellArg program}
    }'';
in
{
  system.build = {
    installBootLoader = "${pkgs.writeShellScript "install-systemd-boot.sh" ''
      CONFIGURATION_LIMIT=${toString config.boot.loader.systemd-boot.configurationLimit}
      export CONFIGURATION_LIMIT
      exec /bin/sh ${./install-bootloader.sh} "$@"
    ''}";
    toplevel = checked (
      pkgs.runCommand "nixos-system-${config.networking.hostName}-${config.system.nixos.label}"
        {
          inherit (config.system.build) activate dryActivate;
          inherit (config.system) extraDependencies;
          label = config.system.nixos.label;
        }
        ''
          mkdir -p "$out/bin" "$out/specialisation"

          for script in activate dryActivate; do
            eval "text=\$$script"
            if test "$script" = dryActivate; then script=dry-activate; fi
            {
              printf '#!/bin/sh\nsystemConfig=%s\n' "$out"
              cat "$text"
            } > "$out/$script"
            chmod +x "$out/$script"
          done

          ${wrapper "/bin/sh ${./stage-2.sh}" { }} > "$out/bin/stage-2"
          chmod +x "$out/bin/stage-2"
          ln -s bin/stage-2 "$out/init"
          ${lib.optionalString config.system.switch.enable ''
            ${
              wrapper switchToConfiguration {
                DISTRO_ID = config.system.nixos.distroId;
                INSTALL_BOOTLOADER = config.system.build.installBootLoader;
                PRE_SWITCH_CHECK = "${preSwitchCheck}";
                USER_UNITS = "${./switch-user-units.sh}";
                LOCALE_ARCHIVE = "/usr/lib/locale/locale-archive";
                SYSTEMD = "/usr";
              }
            } > "$out/bin/switch-to-configuration"
            chmod +x "$out/bin/switch-to-configuration"
            ln -s ${inhibitors} "$out/switch-inhibitors"
          ''}

          ln -s ${config.system.build.etc}/etc "$out/etc"
          ln -s ${config.system.path} "$out/sw"
          ln -s ${config.systemd.package} "$out/systemd"
          ln -s ${config.boot.kernelPackages.kernel}/bzImage "$out/kernel"
          ln -s ${config.boot.kernelPackages.kernel.initrd}/initrd "$out/initrd"
          printf %s ${lib.escapeShellArg (toString config.boot.kernelParams)} > "$out/kernel-params"
          printf %s "systemd ${toString config.systemd.package.interfaceVersion}" > "$out/init-interface-version"
          printf %s "$label" > "$out/nixos-version"
          printf %s "$system" > "$out/system"
          printf '%s\n' "$extraDependencies" > "$out/extra-dependencies"
          ${lib.concatLines (
            lib.mapAttrsToList (
              name: toplevel: "ln -s ${toplevel} \"$out/specialisation/\"${lib.escapeShellArg name}"
            ) specialisations
          )}
          ${config.system.systemBuilderCommands}
        ''
    );
  };

  system.preSwitchChecks.switchInhibitors = ''
    /bin/sh ${./check-switch-inhibitors.sh} "$@"
  '';

  system.path = pkgs.symlinkJoin {
    name = "system-path";
    paths = config.environment.systemPackages ++ [
      (pkgs.writeShellScriptBin "nixos-version" "echo ${lib.escapeShellArg config.system.nixos.label}")
    ];
  };
}
