# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What all NixOS machines of the example fleet have in common. Disks and boot loader are those of a plain virtual machine.
{
  lib,
  node,
  pkgs,
  ...
}:
{
  networking.hostName = node.name;
  time.timeZone = "UTC";

  # Who deploys here, where that is not root, may become root without a password.
  services.openssh.enable = true;
  services.openssh.settings = lib.optionalAttrs (node ? sshUsers) { AllowUsers = node.sshUsers; };
  security.sudo.wheelNeedsPassword = false;
  users.users = lib.optionalAttrs (node.ssh.user != "root") {
    ${node.ssh.user} = {
      isNormalUser = true;
      extraGroups = [ "wheel" ];
    };
  };

  environment.systemPackages = [
    pkgs.curl
    pkgs.htop
  ];

  boot.loader.grub.device = "/dev/vda";
  fileSystems."/" = {
    device = "/dev/disk/by-label/nixos";
    fsType = "ext4";
  };

  system.stateVersion = "25.11";
}
