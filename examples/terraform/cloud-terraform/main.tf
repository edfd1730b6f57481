# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Machines that are told to Ansible as resources of the provider ansible/ansible, which the inventory plugin
# cloud.terraform.terraform_provider finds in the state, local or remote.

terraform {
  required_providers {
    ansible = { source = "ansible/ansible" }
  }
}

variable "servers" {
  type    = map(string)
  default = { vps-sg-1 = "192.0.2.11", vps-sg-2 = "192.0.2.12" }
}

resource "ansible_host" "server" {
  for_each  = var.servers
  name      = each.key
  variables = { machine_address = each.value }
}
