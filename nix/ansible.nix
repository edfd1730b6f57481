# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Ansible with this collection, of one version with the library: for `nix develop`, and for `nix run .#deploy`.
{ pkgs, version }:
let
  # Ansible looks for collections beside its own modules too, after those that an ansible.cfg names.
  collection = pkgs.runCommand "nix-fleet-${version}" { inherit version; } ''
    fleet=$out/${pkgs.python3.sitePackages}/ansible_collections/nix/fleet
    mkdir -p "$fleet/inventory"
    cp ${../galaxy.yml} "$fleet/galaxy.yml"
    cp ${../LICENSE} "$fleet/LICENSE"
    cp -r ${../inventory/lib} "$fleet/inventory/lib"
    cp -r ${../meta} "$fleet/meta"
    cp -r ${../playbooks} "$fleet/playbooks"
    cp -r ${../plugins} "$fleet/plugins"
    cp -r ${../roles} "$fleet/roles"
  '';

  ansible = pkgs.python3.withPackages (python: [
    python.ansible-core
    python.rich
    (python.toPythonModule collection)
  ]);
in
{
  inherit ansible;

  # A project's own deploy.yml, where there is one.
  deploy = pkgs.writeShellScript "deploy" ''
    PATH=${ansible}/bin:$PATH
    if [ -f deploy.yml ]; then playbook=deploy.yml; else playbook=nix.fleet.deploy; fi
    exec ansible-playbook "$playbook" "$@"
  '';

  shell = pkgs.mkShell {
    packages = [
      ansible
      pkgs.git
      pkgs.openssh
    ];
  };
}
