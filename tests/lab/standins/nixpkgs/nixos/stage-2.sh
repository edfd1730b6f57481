#!/bin/sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What a machine runs on its way up, before systemd: the system's activation, with nothing to start or stop yet. Whoever
# calls it points /run/current-system and /run/booted-system at the system. As in the real thing, a snippet that
# fails does not keep the machine from coming up. Calling it again does no harm.
set -u
mkdir -p /run/nixos
"$TOPLEVEL/activate" || echo "stage-2: the activation script failed, going on" >&2
