# Your fleet: its configurations are made of inventory/nodes.nix and hosts/.
{
  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
    nix-fleet = {
      url = "github:nix-fleet/nix.fleet";
      inputs.nixpkgs.follows = "nixpkgs";
      # Only its own example needs them. For a Mac, a phone or a home, add nix-darwin, nix-on-droid or home-manager above.
      inputs.nix-darwin.follows = "";
      inputs.nix-on-droid.follows = "";
      inputs.home-manager.follows = "";
    };
  };

  outputs =
    inputs:
    inputs.nix-fleet.lib.mkFleet {
      inherit inputs;
      nodes = ./inventory/nodes.nix;
      modules = node: [ ./hosts/${node.name}.nix ];
    }
    // {
      # `nix develop` has Ansible, and `nix run .#deploy -- -l web-1` deploys.
      inherit (inputs.nix-fleet) apps devShells;
    };
}
