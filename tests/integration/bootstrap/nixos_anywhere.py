# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for nixos-anywhere: takes exactly its recorded command line, and leaves the machine as it would be left.

No kexec and no partition: in the phase `install` the configuration is built here, copied, and made the system. How the
machine is reached and which inputs stand in for others is said in INTERFACE, SSH_CONFIG and OVERRIDES.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

recorded = json.loads(pathlib.Path(os.environ["INTERFACE"]).read_text(encoding="utf-8"))
said: dict[str, list[list[str]]] = {}
words = iter(sys.argv[1:])
for word in words:
    if word not in recorded["options"]:
        sys.exit(f"aborted: {word} is no option")
    values = [next(words) for _value in range(recorded["options"][word])]
    if values and values[0] not in recorded["choices"].get(word, values):
        sys.exit(f"aborted: unknown value of {word}: {values[0]}")
    said.setdefault(word, []).append(values)
phases = said.get("--phases", [[",".join(recorded["phases"])]])[-1][0].split(",")
if not set(phases) <= set(recorded["phases"]):
    sys.exit("aborted: unknown phase")
flake, _hash, name = said["--flake"][-1][0].rpartition("#")
target = said["--target-host"][-1][0]
ssh = ["ssh", "-F", os.environ["SSH_CONFIG"], target]


def step(text: str) -> None:
    print(f"### {text} ###", flush=True)


def on_target(script: str, **more: object) -> None:
    subprocess.run([*ssh, script], check=True, **more)  # type: ignore[call-overload]


step("Gathering machine facts")
on_target("uname -s >/dev/null")
if "kexec" in phases:
    step("Switching system into kexec")
if "disko" in phases:
    step("Formatting hard drive with disko")
if "install" in phases:
    overrides = [word for pair in json.loads(os.environ["OVERRIDES"]).items() for word in ("--override-input", *pair)]
    nix = ["nix", "--extra-experimental-features", "nix-command flakes"]
    what = f"{flake}#nixosConfigurations.{json.dumps(name)}.config.system.build.toplevel"
    build = [*nix, "build", "--no-link", "--print-out-paths", "--no-write-lock-file", *overrides, what]
    system = subprocess.run(build, check=True, capture_output=True, text=True).stdout.strip()
    step("Uploading the system closure")
    environment = {**os.environ, "NIX_SSHOPTS": f"-F {os.environ['SSH_CONFIG']}"}
    subprocess.run([*nix, "copy", "--no-check-sigs", "--to", f"ssh://{target}", system], check=True, env=environment)
    for (directory,) in said.get("--extra-files", []):
        step("Copying extra files")
        tar = subprocess.Popen(["tar", "-C", directory, "-cpf-", "."], stdout=subprocess.PIPE)
        on_target("tar -C / -xf- --no-same-owner && chmod 755 /", stdin=tar.stdout)
    step("Installing NixOS")
    on_target(f"nix-env -p /nix/var/nix/profiles/system --set {system} && {system}/bin/switch-to-configuration switch")
if "reboot" in phases:
    step("Rebooting")
step("Done!")
