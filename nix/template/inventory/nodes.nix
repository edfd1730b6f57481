# Which machines there are, and what differs between them. Fields that nix.fleet does not know are your own.
{
  nodes.web-1 = {
    system = "x86_64-linux";
    ips = [ "192.0.2.11" ];
    ssh.user = "root";
    tags = [ "web" ];
  };
}
