# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# One node of an inventory: checks the fields that nix.fleet knows, fills in what follows from them, and
# leaves the user's own as they are. A node is checked whole before any of it can be used.

name: unchecked:
let
  inherit (builtins)
    deepSeq
    elem
    filter
    foldl'
    head
    mapAttrs
    match
    toJSON
    attrNames
    removeAttrs
    ;

  check = import ./check.nix "node ${name}";
  given = check.spelt check.nodeFields unchecked;
  first = candidates: foldl' (found: next: if found != null then found else next) null candidates;
  unique = foldl' (found: next: if elem next found then found else found ++ [ next ]) [ ];
  text = field: check.text field (given.${field} or null);

  givenSsh = check.set "ssh" (given.ssh or null);
  unknownSsh = attrNames (
    removeAttrs givenSsh [
      "host"
      "port"
      "user"
    ]
  );
  ssh =
    if unknownSsh != [ ] then
      check.fail "unknown field ssh.${head unknownSsh}, the known ones are host, port and user"
    else
      {
        host = check.text "ssh.host" (givenSsh.host or null);
        port = check.port "ssh.port" (givenSsh.port or null);
        user = check.text "ssh.user" (givenSsh.user or null);
      };

  system = text "system";
  platform = first [
    (check.platform (given.platform or null))
    (if system != null && match ".*-darwin" system != null then "darwin" else "nixos")
  ];
  configuration = first [
    (text "configuration")
    (
      if platform != "home-manager" then
        name
      else if ssh.user != null then
        "${ssh.user}@${name}"
      else
        check.fail "a home-manager node needs ssh.user or configuration, to find its homeConfigurations.\"user@${name}\""
    )
  ];

  hostName = text "hostName";
  ips = check.texts "ips" (given.ips or null);
  primaryIp = first [
    (text "primaryIp")
    (if ips != [ ] then head ips else null)
  ];
  address = first [
    ssh.host
    primaryIp
    hostName
    (check.fail "has no address; give it ssh.host, primaryIp, ips or hostName")
  ];

  workedOut =
    field: value:
    if given.${field} or null == null || given.${field} == value then
      value
    else
      check.fail "${field} is set to ${toJSON given.${field}}, but it is worked out, here to ${toJSON value}; leave it out";

  known = {
    name = workedOut "name" name;
    address = workedOut "address" address;
    role = text "role";
    tags = unique (check.texts "tags" (given.tags or null));
    profiles = mapAttrs (import ./profile.nix {
      node = name;
      inherit (ssh) user;
    }) (check.set "profiles" (given.profiles or null));
    inherit
      platform
      system
      configuration
      hostName
      ips
      primaryIp
      ssh
      ;
  };

  missing = filter (field: text field == null) [
    "attr"
    "activate"
  ];
  custom =
    if platform == "custom" && missing != [ ] then
      check.fail "a custom node needs attr and activate: what to build, and which program of it to run"
    else
      null;
in
deepSeq [ known custom ] (given // known)
