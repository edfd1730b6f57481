# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine of files below one directory: the real shell programs run on it, with a Nix that only moves links."""

from __future__ import annotations

import hashlib
import json
import pathlib
import shutil
import subprocess
import typing as t

from ansible_collections.nix.fleet.plugins.plugin_utils.core.process import Completed

SHELLS = {
    name: command
    for name, command in {"dash": ["dash"], "busybox": ["busybox", "sh"], "bash": ["bash", "--posix"]}.items()
    if shutil.which(command[0])
}
# What the programs find on a real machine, and here below the machine's own directory.
PLACES = (
    "/nix/store",
    "/nix/var",
    "/var/lib/nix.fleet",
    "/run/current-system",
    "/run/booted-system",
    "/run/systemd",
    "/etc/systemd",
    "/run/nix.fleet",
    "/run/nixos",
    "/boot/",
    "/sbin/init",
    "/sys/firmware",
)

NIX_ENV = r"""#!/bin/sh
# Whatever it is asked for, it makes the directory of the user's profiles.
[ "$1" != -q ] || exec mkdir -p "$HOME/.local/state/nix/profiles"
profile=$2
[ ! -e "$profile.broken" ] || { echo 'error: writing to file: No space left on device' >&2; exit 1; }
newest=$(for link in "$profile"-*-link; do link=${link%-link}; echo "${link##*-}"; done | sort -n | tail -n 1)
point() { ln -s "${profile##*/}-$1-link" "$profile.new" && mv -Tf "$profile.new" "$profile"; }
case $3 in
    --set)
        case $newest in *[!0-9]*) newest=0 ;; esac
        if [ "$(readlink "$profile-$newest-link")" != "$4" ]; then
            newest=$((newest + 1))
            ln -s "$4" "$profile-$newest-link" || exit
        fi
        point "$newest"
        ;;
    --switch-generation) [ -L "$profile-$4-link" ] && point "$4" ;;
    --delete-generations)
        shift 3
        for number; do rm "$profile-$number-link" || exit; done
        ;;
esac
"""
NIX_STORE = r"""#!/bin/sh
[ -e "$2" ] && [ ! -e "$2.forgotten" ] || { echo "error: path '$2' is not valid" >&2; exit 1; }
[ "$1" = --check-validity ] || ln -sfn "$(readlink -f "$2")" "$4"
"""


# All that the programs may use: what macOS, NixOS and busybox have in common. `setsid` is not on every machine.
TOOLS = """
    awk cat chmod cmp cut date dd df env find grep head id kill ln ls mkdir mv ps readlink rm rmdir sed sleep sort stat sync tail
    touch tr uname wc paste xargs cp
""".split()


class Machine:
    """One machine, its store and its profiles."""

    def __init__(self, root: pathlib.Path, shell: str, *, uid: int = 1000, setsid: bool = True) -> None:
        self.root = root
        self.home = root / "home"
        self.state = root / "var/lib/nix.fleet" if uid == 0 else self.home / ".local/state/nix.fleet"
        # Where the lock is.
        self.live = root / "run/nix.fleet" if uid == 0 else self.state
        # A directory of programs that is looked through first.
        self.search = ""
        # What a login sets besides.
        self.environment: dict[str, str] = {}
        self.round_trips = 0
        self._bin = root / "bin"
        for directory in (self.home, self._bin, root / "nix/store", root / "nix/var/nix/profiles", root / "run"):
            directory.mkdir(parents=True)
        for tool in [*TOOLS, *(["setsid"] if setsid else [])]:
            if found := shutil.which(tool):
                (self._bin / tool).symlink_to(found)
        for name, text in {"nix-env": NIX_ENV, "nix-store": NIX_STORE, "id": f"#!/bin/sh\necho {uid}\n"}.items():
            self._program(self._bin / name, text)
        self._program(
            self._bin / "sh", f'#!/bin/sh\nexec {shutil.which(SHELLS[shell][0])} {" ".join(SHELLS[shell][1:])} "$@"\n'
        )

    def closure(self, name: str, **programs: str) -> str:
        """Add a closure to the store; each program is a path with ``__`` for ``/``, and its text."""
        digest = hashlib.sha256(f"{name}{programs}".encode()).hexdigest()
        base = digest[:32].translate(str.maketrans("et", "zz"))
        closure = self.root / "nix/store" / f"{base}-{name}"
        for path, text in programs.items():
            self._program(closure / path.replace("__", "/").replace("_", "-"), f"#!/bin/sh\n{self.here(text)}")
        return self.there(str(closure))

    def hold_lock(self, process: int, *, boot: str | None = None, who: str = "bob@desk") -> None:
        """Have a process hold the lock of deployments."""
        start = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()[19]
        boot = boot or pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        lock = self.live / "lock"
        lock.parent.mkdir(parents=True, exist_ok=True)
        lock.unlink(missing_ok=True)
        lock.symlink_to(f"id=another\nwho={who}\npid={process}\nstart={start}\nboot={boot}\nphase=working")

    def forget(self, closure: str) -> None:
        """Have Nix know no more of a closure that is in the store, as after a loss of power."""
        self.path(f"{closure}.forgotten").touch()

    def run(self, script: str) -> Completed:
        """Be the link of a deployment."""
        self.round_trips += 1
        done = self.script("-s", text=self.here(script))
        return Completed(("sh",), done.returncode, self.there(done.stdout), self.there(done.stderr))

    def script(self, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        """Run the machine's shell."""
        return subprocess.run(
            [str(self._bin / "sh"), *arguments],
            input=text,
            env={
                "PATH": f"{self.search}:{self._bin}".lstrip(":"),
                "HOME": str(self.home),
                "USER": "alice",
                **self.environment,
            },
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
        )

    def tool(self, name: str) -> pathlib.Path:
        """Return where a tool is."""
        return self._bin / name

    def replace_tool(self, name: str, text: str) -> None:
        """Have ``text`` in place of a tool; ``{name}`` in it is the tool itself."""
        self._program(self.tool(name), f"#!/bin/sh\n{text.replace(f'{{{name}}}', str(shutil.which(name)))}\n")

    def stop_nix(self, variable: str, condition: str) -> None:
        """Have no Nix run as long as ``condition`` holds, unless ``variable`` names other settings."""
        for name in ("nix-env", "nix-store"):
            itself = self.tool(name).rename(self.tool(f"{name}.itself"))
            self.replace_tool(name, f'[ -n "${{{variable}-}}" ] || ! {condition} || exit 1; exec "{itself}" "$@"')

    def renew(self) -> None:
        """Be the link of a deployment."""

    def here(self, text: str) -> str:
        """Return ``text`` with the paths of a real machine moved below the machine's directory."""
        for place in PLACES:
            text = text.replace(place, f"{self.root}{place}")
        return text.replace("@root@", str(self.root))

    def there(self, text: str) -> str:
        """Return ``text`` as a real machine would say it."""
        return text.replace(str(self.root), "")

    def path(self, path: str) -> pathlib.Path:
        """Return the file that is ``path`` on the machine."""
        return self.root / path.lstrip("/")

    def link(self, path: str, target: str) -> None:
        """Make ``path`` a symbolic link to ``target`` in place of what it was."""
        self.path(path).parent.mkdir(parents=True, exist_ok=True)
        self.path(path).unlink(missing_ok=True)
        self.path(path).symlink_to(self.here(target))

    def standing(self, path: str) -> str | None:
        """Return what ``path`` leads to in the end, or None when there is nothing."""
        file = self.path(path)
        return self.there(str(file.resolve())) if file.is_symlink() else None

    def generations(self, profile: str) -> dict[int, str]:
        """Return the closures of a profile's generations by their numbers."""
        path = self.path(profile)
        links = path.parent.glob(f"{path.name}-*-link")
        return {int(link.name.split("-")[-2]): self.there(str(link.readlink())) for link in sorted(links)}

    @property
    def journal(self) -> list[dict[str, t.Any]]:
        """The journal's entries."""
        file = self.state / "journal.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    @property
    def calls(self) -> list[str]:
        """What the closures' programs have noted with ``note``."""
        file = self.root / "calls"
        return file.read_text().splitlines() if file.exists() else []

    @staticmethod
    def _program(path: pathlib.Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(0o755)
