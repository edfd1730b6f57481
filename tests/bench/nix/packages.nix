# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The package set of a heavy evaluation. As with NixOS, each host has one of its own.
{ pkgs, ... }:
let
  inherit (builtins)
    attrNames
    concatLists
    deepSeq
    foldl'
    genList
    listToAttrs
    mapAttrs
    ;
  # Through how many functions a package's arguments go before they are a derivation, as through nixpkgs' overrides and
  # its standard environment: what one of its packages costs is mostly that.
  layers = import ./load/layers.nix;
  # What such arguments have beside a name and inputs: phases, flags, dependencies by platform, a description.
  usual = listToAttrs (
    genList (number: {
      name = "argument${toString number}";
      value = number;
    }) 96
  );
  layer =
    arguments: number:
    arguments
    // mapAttrs (name: value: changed name value number) (removeAttrs arguments [ "inputs" ])
    // {
      inputs = concatLists (map (input: [ input ]) arguments.inputs);
    };
  # With values of its own, as of an option that is looked at before it is taken.
  changed =
    name: value: number:
    let
      described = {
        inherit name;
        value = value + number;
      };
    in
    described.value;
  isInputs = name: name == "inputs";
  build =
    arguments:
    let
      made = foldl' layer (usual // { inherit (arguments) inputs; }) (genList (number: number) layers);
      checked = foldl' (sum: name: if isInputs name then sum else sum + made.${name}) 0 (attrNames made);
    in
    derivation {
      inherit (arguments) name;
      inherit (made) inputs;
      inherit (pkgs) system;
      builder = "/bin/sh";
      args = [
        "-c"
        "echo $inputs >$out"
      ];
      inherit checked;
    };
  packages = import ./load/all-packages.nix build packages;
in
{
  _module.args.packages = packages;
}
