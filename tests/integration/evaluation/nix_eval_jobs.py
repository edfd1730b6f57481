# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for nix-eval-jobs: the part of its command line that is used, and its lines of JSON, by `nix eval`.

Called with the log to write to, the Nix to ask, and the arguments of nix-eval-jobs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

EACH = "value: { inherit (value) name system drvPath; outputs.out = value.outPath; }"


def main(log: str, nix: str, *arguments: str) -> None:
    parser = argparse.ArgumentParser("nix-eval-jobs", allow_abbrev=False)
    parser.add_argument("--option", nargs=2, action="append", default=[])
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--max-memory-size", type=int, default=4096)
    parser.add_argument("--select")
    parser.add_argument("--impure", action="store_true")
    parser.add_argument("--override-input", nargs=2, action="append", default=[])
    parser.add_argument("--arg", nargs=2, action="append", default=[])
    parser.add_argument("--flake", action="store_true")
    parser.add_argument("expr")
    options = parser.parse_args(arguments)
    with Path(log).open("a") as calls:
        calls.write("jobs\n")
    command = [nix, "--extra-experimental-features", "nix-command flakes", "eval", "--json", "--no-write-lock-file"]
    command += ["--impure"] * options.impure
    command += [word for pair in options.override_input for word in ("--override-input", *pair)]
    arguments_given = " ".join(f"{name} = ({value});" for name, value in options.arg)
    called = f"(if builtins.isFunction given then given {{ {arguments_given} }} else given)"
    # With --flake, the function gets the flake, of which `nix eval` has the outputs.
    given = "{ outputs = given; }" if options.flake else called
    where = [f"{options.expr}#."] if options.flake else ["--file", options.expr]

    def evaluate(function: str) -> subprocess.CompletedProcess[str]:
        selected = f"given: ({function}) (({options.select}) {given})"
        return subprocess.run([*command, "--apply", selected, *where], capture_output=True, text=True, check=False)

    names = evaluate("builtins.attrNames")
    if names.returncode != 0:
        sys.exit(names.stderr)
    for name in json.loads(names.stdout):
        done = evaluate(f"jobs: ({EACH}) jobs.{name}")
        job = json.loads(done.stdout) if done.returncode == 0 else {"error": done.stderr}
        print(json.dumps({"attr": name, "attrPath": [name], **job}), flush=True)
        if done.returncode != 0:
            print(done.stderr, file=sys.stderr)


main(*sys.argv[1:])
