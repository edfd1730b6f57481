# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A web server, whose one page is made of what the inventory says of its node.
{
  lib,
  node,
  nodes,
  pkgs,
  ...
}:
let
  servers = lib.filter (other: other.role == "web") (lib.attrValues nodes);

  site = pkgs.writeTextDir "index.html" ''
    <!doctype html>
    <meta charset="utf-8">
    <title>${lib.escapeXML node.name}</title>
    <h1>${lib.escapeXML node.greeting} from ${lib.escapeXML node.name}</h1>
    <p>Region ${lib.escapeXML node.region}, serving ${lib.escapeXML (toString node.domains)}</p>
    <p>One of ${toString (lib.length servers)}: ${lib.escapeXML (lib.concatMapStringsSep ", " (server: server.name) servers)}</p>
  '';
in
{
  systemd.services.page = {
    description = "The page of ${node.name}";
    wantedBy = [ "multi-user.target" ];
    after = [ "network.target" ];
    serviceConfig.ExecStart = "${pkgs.busybox}/bin/httpd -f -p 80 -h ${site}";
    serviceConfig.Restart = "on-failure";
    # The old page is served until the new one is there.
    stopIfChanged = false;
  };

  networking.firewall.allowedTCPPorts = [ 80 ];
}
