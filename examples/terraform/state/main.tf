# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Machines that OpenTofu or Terraform makes. Its state is a local file, beside the inventory that reads it; what the
# inventory is told of a machine is the output `machines`. Any provider's resources can be behind it.

terraform {
  backend "local" {
    path = "inventory/terraform.tfstate"
  }
}

variable "servers" {
  type = map(object({ region = string, ipv4 = string }))
  default = {
    vps-sg-1 = { region = "sg", ipv4 = "192.0.2.11" }
    vps-sg-2 = { region = "sg", ipv4 = "192.0.2.12" }
  }
}

# Stands for a provider's server: hcloud_server, aws_instance, libvirt_domain.
resource "terraform_data" "server" {
  for_each = var.servers
  input    = each.value
}

output "machines" {
  value = {
    for name, server in terraform_data.server : name => {
      ipv4   = server.output.ipv4
      region = server.output.region
    }
  }
}
