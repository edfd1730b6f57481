# The machine web-1. What differs between machines comes from inventory/nodes.nix, as `node`.
{ node, ... }:
{
  networking.hostName = node.name;
  services.openssh.enable = true;

  # The key that you log in with. Without it, the first deployment locks you out, and is rolled back.
  users.users.root.openssh.authorizedKeys.keys = [ ];

  # As on the machine: take /etc/nixos/hardware-configuration.nix from there, and name it in `imports`.
  boot.loader.grub.device = "/dev/vda";
  fileSystems."/" = {
    device = "/dev/disk/by-label/nixos";
    fsType = "ext4";
  };

  # The release that the machine was installed with. It stays as it is.
  system.stateVersion = "25.11";
}
