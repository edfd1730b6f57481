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
        ( set -e
        ${text}
        )
        test $? -eq 0 || { printf "Pre-switch check '%s' failed\n" ${lib.escapeShellArg name} >&2; exit 1; }
      '') config.system.preSwitchChecks
    )
  );

  wrapper = program: variables: ''
    {
      printf '#!/bin/sh\nTOPLEVEL=%s\nexport TOPLEVEL\n' "$out"
      ${lib.concatLines (
        lib.mapAttrsToList (name: value: "printf 'export %s=%s\\n' ${name} '${value}'") variables
      )}
      printf 'exec /bin/sh %s "$@"\n' ${program}
    }'';
in
{
  system.build = {
    installBootLoader = "${./install-bootloader.sh}";
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

          ${
            wrapper "${./switch-to-configuration.sh}" {
              DISTRO_ID = config.system.nixos.distroId;
              INSTALL_BOOTLOADER = config.system.build.installBootLoader;
              PRE_SWITCH_CHECK = "${preSwitchCheck}";
            }
          } > "$out/bin/switch-to-configuration"
          ${wrapper "${./stage-2.sh}" { }} > "$out/bin/stage-2"
          chmod +x "$out/bin/switch-to-configuration" "$out/bin/stage-2"
          ln -s bin/stage-2 "$out/init"

          ln -s ${config.system.build.etc}/etc "$out/etc"
          ln -s ${config.system.path} "$out/sw"
          ln -s ${config.systemd.package} "$out/systemd"
          ln -s ${config.boot.kernelPackages.kernel}/bzImage "$out/kernel"
          ln -s ${pkgs.writeText "initrd-linux" "initrd\n"} "$out/initrd"
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

  system.path = pkgs.symlinkJoin {
    name = "system-path";
    paths = config.environment.systemPackages ++ [
      (pkgs.writeShellScriptBin "nixos-version" "echo ${lib.escapeShellArg config.system.nixos.label}")
    ];
  };
}
