# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# The documentation of nix.fleet.nix_cache_push; what it does is in plugins/action.

from __future__ import annotations

DOCUMENTATION = r"""
module: nix_cache_push
short_description: Push store paths and all that they need to a binary cache, signed
version_added: 0.2.0
author:
  - nix.fleet contributors (!UNKNOWN)
description:
  - Copies store paths with their closures from the machine that the task runs on to a store that others fetch from. That is
    a binary cache behind a web server, in a directory or in an S3 bucket, or the store of another machine, reached by ssh.
  - It asks first what is lacking there, and sends that alone. Where nothing is, the result is not changed.
  - With O(secret_key_file), what is pushed is signed, and so is what was there before without that key's signature.
  - Nix does it itself, as the user that the task runs as on that machine, with that user's ssh keys and credentials.
options:
  paths:
    description:
      - The store paths to push, such as RV(nix.fleet.nix_build#module:out_path). Their closures come with them.
      - An empty list is nothing to do.
    type: list
    elements: str
    required: true
    aliases: [path]
  store:
    description:
      - The address of the store, as Nix names it. V(ssh-ng://) or V(ssh://) and a login, V(file://) and a directory,
        V(http://) or V(https://) and a server that takes C(PUT), or V(s3://) and a bucket.
      - Nix's parameters may follow, such as C(?compression=zstd) or C(?region=eu-west-1&profile=push).
      - It may hold no password and no key. Passwords of a web server are read from the file that C(netrc-file) names in
        O(nix_options), and those of S3 from C(~/.aws/credentials) or the task's C(environment).
    type: str
    required: true
    aliases: [to]
  secret_key_file:
    description:
      - The file with the secret key to sign with, on the machine that the task runs on. It is read there, and sent nowhere.
      - It is refused when everyone on the machine may read it.
      - On the controller, a relative path starts at the playbook's directory. Elsewhere it has to be absolute, or begin with V(~/).
    type: str
extends_documentation_fragment:
  - nix.fleet._nix
  - nix.fleet._attributes
  - nix.fleet._attributes.actiongroup_nix
attributes:
  check_mode:
    support: full
    details:
      - Asks what is lacking. When it is the first to ask a web server or bucket that may be written to, Nix puts the file
        C(nix-cache-info) there, which makes it a binary cache.
  diff_mode:
    support: full
    details:
      - Lists each path that is pushed or signed.
  idempotent:
    support: full
notes:
  - The signatures are kept in the store of the machine that pushes as well.
  - A store that is reached by V(ssh://) takes no signature for a path that it has. The task fails then, and says so.
  - What the machine's Nix remembers of a cache is not believed, so that what was deleted there is pushed again.
seealso:
  - module: nix.fleet.nix_build
  - module: nix.fleet.nix_substitute
  - module: nix.fleet.nix_copy_closure
"""

EXAMPLES = r"""
- name: Push what the controller has built, and sign it
  nix.fleet.nix_cache_push:
    paths: "{{ deploy_build.out_path }}"
    store: https://cache.example.org
    secret_key_file: ~/.config/nix/cache.key
    nix_options:
      netrc-file: /home/deploy/.netrc
  delegate_to: localhost
  become: false

- name: Push what homelab has built to a bucket
  nix.fleet.nix_cache_push:
    paths: "{{ deploy_build.out_paths }}"
    store: s3://fleet-cache?region=eu-west-1&compression=zstd
    secret_key_file: /etc/nix/cache.key
  environment:
    AWS_PROFILE: push
  delegate_to: homelab

- name: See what another machine's store lacks
  nix.fleet.nix_cache_push:
    paths: "{{ deploy_build.out_path }}"
    store: ssh-ng://root@homelab
  delegate_to: localhost
  check_mode: true
  diff: true
"""

RETURN = r"""
store:
  description: Where it was pushed to.
  type: str
  returned: success
  sample: https://cache.example.org
pushed_paths:
  description: The store paths that were sent, or in check mode those that are lacking there.
  type: list
  elements: str
  returned: success
  sample: ["/nix/store/w5pa9fkvm8yhpjcyb3gaw1pmdks51z4h-bash-5.2"]
pushed_count:
  description: The number of RV(pushed_paths).
  type: int
  returned: success
  sample: 1
pushed_bytes:
  description: The size of RV(pushed_paths) in bytes, as archives before compression.
  type: int
  returned: success
  sample: 1654320
signed_paths:
  description: The store paths that were there and have been given a signature, or would be.
  type: list
  elements: str
  returned: success
  sample: []
public_key:
  description: The public key of O(secret_key_file), for C(trusted-public-keys) of those who fetch. Null without one.
  type: str
  returned: success
  sample: cache.example.org-1:f3yWV46hNhAhZmzV/BSdStbG7r/Kw6/AXSm10KraLog=
msg:
  description: What happened, in a few words, or why it did not.
  type: str
  returned: always
  sample: pushed 12 paths (4.1 MiB)
host:
  description: The host that it failed for.
  type: str
  returned: failure
stage:
  description: What failed, in one word.
  type: str
  returned: failure
  sample: cache
code:
  description: What failed, as a code that stays the same whatever the words are.
  type: str
  returned: failure
  sample: cache.failed
cause:
  description: Why it failed, in one sentence.
  type: str
  returned: failure
  sample: "https://cache.example.org, as seen from homelab: it does not permit that"
command:
  description: The command that failed.
  type: str
  returned: failure of a command
  sample: nix copy --to https://cache.example.org /nix/store/w5pa9fkvm8yhpjcyb3gaw1pmdks51z4h-bash-5.2
log:
  description: The last lines that it printed.
  type: str
  returned: failure, if it printed something
  sample: "error: unable to upload 'https://cache.example.org/nix-cache-info': HTTP error 403"
advice:
  description: What to do next.
  type: str
  returned: failure, where something can be advised
"""
