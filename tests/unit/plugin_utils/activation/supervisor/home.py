# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A user's machine with homes of small scripts, which clean up and migrate the profile as home-manager's do."""

from __future__ import annotations

import typing as t

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.deployment import deploy
from ansible_collections.nix.fleet.plugins.plugin_utils.activation.request import Request
from ansible_collections.nix.fleet.plugins.plugin_utils.platforms.platform import platforms

from .nixos import NixOS

if t.TYPE_CHECKING:
    from ansible_collections.nix.fleet.plugins.plugin_utils.activation.answer import Answer

OWN = "home/.local/state/nix/profiles/home-manager"
LEGACY = "/nix/var/nix/profiles/per-user/alice/home-manager"
CURRENT = "home/.local/state/home-manager/gcroots/current-home"

ACTIVATE = """
set -eu
self=${0%/activate}
echo "activate ${self##*-}" >> "@root@/calls"
nix-env -q
new=$HOME/.local/state/nix/profiles
old=/nix/var/nix/profiles/per-user/$USER
current=$HOME/.local/state/home-manager/gcroots/current-home
if [ -e "$old/home-manager" ] && [ -e "$new" ]; then
    if [ ! -e "$new/home-manager" ]; then
        for link in "$old"/home-manager-*; do nix-store --realise "$link" --add-root "$new/${link##*/}"; done
        cp -P "$old/home-manager" "$new"
    fi
    rm "$old/home-manager" "$old"/home-manager-*
fi
was=$(readlink "$current" || :)
files=$(readlink "$self/home-files")
for source in "$files"/.* "$files"/*; do
    file=$HOME/${source##*/}
    if [ ! -f "$source" ] || [ -L "$file" ] || [ ! -e "$file" ] || [ -e "$self/forced" ]; then continue; fi
    [ -n "${HOME_MANAGER_BACKUP_EXT-}" ] || { echo "Existing file '$file' would be clobbered"; exit 1; }
done
if [ -n "$was" ]; then
    for source in "$(readlink "$was/home-files")"/*; do
        file=$HOME/${source##*/}
        case $(readlink "$file") in *-home-manager-files/*) [ -e "$files/${source##*/}" ] || rm "$file" ;; esac
    done
fi
for source in "$files"/*; do
    file=$HOME/${source##*/}
    [ -L "$file" ] || [ ! -e "$file" ] || [ -z "${HOME_MANAGER_BACKUP_EXT-}" ] || mv "$file" "$file.$HOME_MANAGER_BACKUP_EXT"
    ln -sfn "$source" "$file"
done
TROUBLE
mkdir -p "${current%/*}"
ln -sfn "$self" "$current"
"""


class Home(NixOS):
    """The machine of a user who has homes and is not root."""

    def home_of(self, name: str, *files: str, trouble: str = ":", forced: bool = False) -> str:
        """Add a home that links ``files``, and meets with ``trouble`` when they are linked. ``forced``: whatever is there."""
        tree = self.closure("home-manager-files", **dict.fromkeys(files or ("always",), name))
        home = self.closure(
            f"home-manager-{name}", activate=ACTIVATE.replace("TROUBLE", trouble), **{"forced": ""} if forced else {}
        )
        self.link(f"{home}/home-files", tree)
        return home

    def install_homes(self, *homes: str, profile: str = OWN) -> None:
        """Have these generations, and the last of them active."""
        assert self.script(str(self.path(f"{homes[-1]}/activate"))).returncode == 0
        for number, home in enumerate(homes, 1):
            self.link(f"{profile}-{number}-link", home)
        self.link(profile, f"home-manager-{len(homes)}-link")

    def deploy_home(self, closure: str | None = None, **fields: t.Any) -> Answer:
        """Deploy a home."""
        request: Request = self.request(closure, **{"platform": platforms()["home-manager"], **fields})
        return deploy(self, request)
