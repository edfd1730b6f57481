# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A machine of the rehearsal under a NixOS of 2018: what it has not, and what is the host's own and stays that.
{ lib, ... }:
let
  inherit (lib) mkForce mkOption types;
  later = mkOption {
    type = types.unspecified;
    default = { };
  };
  hosts = [
    "console-getty"
    "dhcpcd"
    "kmod-static-nodes"
    "network-addresses-lo"
    "systemd-journal-catalog-update"
    "systemd-modules-load"
    "systemd-remount-fs"
    "systemd-sysctl"
    "systemd-timesyncd"
    "systemd-udev-trigger"
    "systemd-udevd"
    "systemd-update-utmp"
    "systemd-vconsole-setup"
    "systemd-hwdb-update"
    "systemd-journal-flush"
    "systemd-tmpfiles-setup"
    "systemd-tmpfiles-setup-dev"
    "systemd-random-seed"
    "systemd-update-done"
    "mount-pstore"
    "nscd"
    "resolvconf"
    "systemd-logind"
  ];
in
{
  # What the example fleet sets, and came later.
  options.services.openssh.settings = later;
  options.nixpkgs.hostPlatform = later;
  options.nix.settings = later;

  config = {
    # No kernel, no initrd, no boot loader, no disks.
    boot.isContainer = true;
    boot.loader.grub.enable = mkForce false;
    fileSystems = mkForce { };
    networking.firewall.enable = mkForce false;
    networking.useDHCP = false;
    networking.useHostResolvConf = mkForce false;

    # What its programs are run by is the host's, and so are its mounts.
    environment.binsh = "/usr/bin/dash";
    environment.usrbinenv = mkForce "/usr/bin/busybox";
    system.activationScripts.specialfs = mkForce "";
    system.activationScripts.wrappers = mkForce "";
    # Its own directories there are links; the host's sshd is started all the same.
    system.activationScripts.aside = lib.noDepEntry ''
      for directory in /etc/systemd/system /etc/systemd/user /etc/terminfo; do
        if [ -d "$directory" ] && [ ! -L "$directory" ]; then mv "$directory" "$directory.before-nixos"; fi
      done
    '';
    systemd.targets.multi-user.wants = [ "ssh.service" ];

    # Who logs in, by what, and what becomes root, is the rehearsal's.
    services.openssh.enable = mkForce false;
    services.nscd.enable = false;
    security.sudo.enable = mkForce false;
    security.pam.services = mkForce { };
    security.wrappers = mkForce { };
    environment.etc."dbus-1".enable = mkForce false;
    environment.etc."nix/nix.conf".enable = mkForce false;
    environment.etc."hosts".enable = mkForce false;
    environment.etc."resolvconf.conf".enable = mkForce false;

    # Made by programs that are not there.
    fonts.fontconfig.enable = mkForce false;
    services.nixosManual.enable = false;
    programs.man.enable = false;
    programs.info.enable = false;

    systemd.services = lib.genAttrs hosts (_: { enable = mkForce false; }) // {
      # The host's bus has files of its own to read again.
      dbus = {
        reloadIfChanged = mkForce false;
        restartIfChanged = mkForce false;
      };
    };
  };
}
