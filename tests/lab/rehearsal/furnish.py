# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making a Debian root directory into one particular host: users, keys, sshd, Nix, and what its platform lacks."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from .errors import LabError
from .hosts import Host, Kind, User
from .keys import HostAccess

_FILES = Path(__file__).resolve().parents[1] / "hosts"
_NIXOS_PATH = (
    "/run/wrappers/bin:/nix/var/nix/profiles/default/bin:/run/current-system/sw/bin"
    ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)
_DARWIN_PATH = "/usr/bin:/bin:/usr/sbin:/sbin"

# The PATH of a command over ssh, where it is not sshd's own.
_SESSION_PATH = {Kind.NIXOS: _NIXOS_PATH, Kind.DARWIN: _DARWIN_PATH}
_SW_VERS = """#!/bin/sh
case ${1-} in
    -productVersion | --productVersion) echo 26.1 ;;
    *) printf 'ProductName:\\t\\tmacOS\\nProductVersion:\\t\\t26.1\\n' ;;
esac
"""
# What systems have of nixpkgs, where the host itself has nothing of the kind.
_OF_NIXPKGS = (
    *("bash", "cmp", "diff", "find", "grep", "sed", "tput", "xargs"),
    *("basename", "cat", "chmod", "chown", "cp", "cut", "date", "dirname", "env", "expr", "head", "id", "install"),
    *("ln", "ls", "mkdir", "mktemp", "mv", "pwd", "readlink", "realpath", "rm", "rmdir", "sleep", "sort", "stat"),
    *("tail", "tee", "test", "touch", "tr", "true", "uname", "wc"),
)
# Stores that are reached through a daemon, on hosts without systemd to start it.
_DAEMON = "/opt/nix/bin/nix-daemon --daemon"


def furnish(host: Host, access: HostAccess, root: Path) -> None:
    """Write everything that makes the host this host into its root directory."""
    _name(host, root)
    _ssh_server(host, access, root)
    _nix_configuration(host, root)
    if host.user:
        _add_user(host.user, root)
    _authorise(host, access, root)
    _PLATFORMS[host.kind](host, access, root)


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # What is there may be a link into the shared root file system.
    path.unlink(missing_ok=True)
    path.touch(mode=mode)
    path.write_text(text)
    path.chmod(mode)


def _name(host: Host, root: Path) -> None:
    _write(root / "etc/hostname", f"{host.name}\n")
    names = "".join(f"{address} {host.name}\n" for address in host.addresses)
    _write(root / "etc/hosts", f"127.0.0.1 localhost\n::1 localhost\n{names}")
    _write(root / "etc/machine-id", f"{uuid.uuid4().hex}\n", 0o444)


def _ssh_server(host: Host, access: HostAccess, root: Path) -> None:
    lines = {
        # First, since sshd keeps the first value it reads.
        "Include": "/etc/ssh/sshd_config.d/*.conf",
        "AcceptEnv": "LANG LC_* COLORTERM NO_COLOR",
        "HostKey": "/etc/ssh/ssh_host_ed25519_key",
        "KbdInteractiveAuthentication": "no",
        "MaxSessions": "200",
        "MaxStartups": "200:30:400",
        "PasswordAuthentication": "no",
        "PermitRootLogin": "prohibit-password",
        "PidFile": "none",
        "Port": str(host.port),
        "PrintMotd": "no",
        "Subsystem": "sftp internal-sftp",
        "UseDNS": "no",
        # Accounts have no password here: their field is `*`, which is not `!` (a locked account).
        "UsePAM": "no",
    }
    path = _SESSION_PATH.get(host.kind)
    if path:
        lines["SetEnv"] = f"PATH={path}"
    _write(root / "etc/ssh/sshd_config", "".join(f"{key} {value}\n" for key, value in lines.items()))
    _write(root / "etc/ssh/ssh_host_ed25519_key", access.host_key.read_text(), 0o600)
    _write(root / "etc/ssh/ssh_host_ed25519_key.pub", Path(f"{access.host_key}.pub").read_text())


def _nix_configuration(host: Host, root: Path) -> None:
    settings = {
        # Everything a host builds here uses the host's own shell.
        "sandbox": "false",
        "substituters": "",
        "trusted-users": "root",
        "build-users-group": "nixbld",
    }
    settings |= {Kind.DARWIN: {"system": "aarch64-darwin"}, Kind.NIX_ON_DROID: {"system": "aarch64-linux"}}.get(
        host.kind, {}
    )
    if host.kind is Kind.NIX_ON_DROID:
        settings["build-users-group"] = ""
    if host.name == "homelab":
        settings["max-jobs"] = "auto"
    _write(root / "etc/nix/nix.conf", "".join(f"{key} = {value}\n" for key, value in settings.items()))


def _add_user(user: User, root: Path) -> None:
    entries: Mapping[str, str] = {
        "etc/passwd": f"{user.name}:x:{user.uid}:{user.uid}:{user.name}:{user.home}:{user.shell}\n",
        "etc/group": f"{user.name}:x:{user.uid}:\n",
        "etc/shadow": f"{user.name}:*:20000:0:99999:7:::\n",
    }
    for name, entry in entries.items():
        with (root / name).open("a") as file:
            file.write(entry)
    home = root / user.home.lstrip("/")
    home.mkdir(parents=True)
    _own([home], user)


def _authorise(host: Host, access: HostAccess, root: Path) -> None:
    home = root / (host.user.home.lstrip("/") if host.user else "root")
    directory = home / ".ssh"
    directory.mkdir(mode=0o700, exist_ok=True)
    keys = directory / "authorized_keys"
    _write(keys, access.authorized_key, 0o600)
    if host.user:
        _own([directory, keys], host.user)


def _own(paths: Iterable[Path], user: User) -> None:
    for path in paths:
        os.chown(path, user.uid, user.uid, follow_symlinks=False)


def _without_systemd(root: Path, services: Iterable[str]) -> None:
    """Give the host an init of a few lines, and the commands that turn it off."""
    hidden = root / "usr/lib/lab"
    hidden.mkdir()
    shutil.copy2(root / "usr/bin/busybox", hidden / "busybox")
    _write(root / "etc/lab-services", "".join(f"{service}\n" for service in services))
    _install("init", root / "usr/sbin/init")
    for name in ("reboot", "shutdown", "poweroff", "halt"):
        _install("power", root / "usr/sbin" / name)


def _install(name: str, target: Path, mode: int = 0o755) -> None:
    _write(target, (_FILES / name).read_text(), mode)


def _remove(root: Path, patterns: Iterable[str]) -> None:
    for pattern in patterns:
        for path in root.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def _nixos(host: Host, _access: HostAccess, root: Path) -> None:
    _write(root / "etc/NIXOS", "")
    # As its own, which a switch starts again for the units that they bring.
    for target in ("multi-user.target", "timers.target"):
        shutil.copy(root / "usr/lib/systemd/system" / target, root / "etc/systemd/system" / target)
    # A switch asks it for those who are logged in; it starts when it is asked.
    (root / "etc/systemd/system/systemd-logind.service").unlink()
    # As its installation left it: the boot loader itself, and no system of it yet.
    _write(root / "boot/EFI/systemd/systemd-bootx64.efi", "systemd-boot 257\n")
    # A soft reboot mounts again what the configuration names. Here nothing does: the ESP stays mounted, and /tmp as it was.
    _write(root / "etc/systemd/system/boot.mount.d/lab.conf", "[Unit]\nDefaultDependencies=no\n")
    # The shell of emergency mode waits for somebody at the console.
    emergency = "[Service]\nExecStartPre=\nExecStart=\nExecStart=/bin/sleep infinity\nStandardInput=null\n"
    _write(root / "etc/systemd/system/emergency.service.d/lab.conf", emergency)
    # What stands in /etc and in no new system, NixOS's own program stops.
    (root / "usr/lib/systemd/system/tmp.mount").unlink()
    (root / "usr/lib/systemd/system/tmp.mount").symlink_to("/dev/null")
    rules = f'Defaults secure_path="{_NIXOS_PATH}"\n'
    if host.user:
        rules += f"{host.user.name} ALL=(ALL:ALL) NOPASSWD: ALL\n"
    _write(root / "etc/sudoers.d/lab", rules, 0o440)


def _home_manager(_host: Host, _access: HostAccess, root: Path) -> None:
    _remove(root, ["usr/bin/sudo*", "etc/sudoers*"])


def _darwin(host: Host, access: HostAccess, root: Path) -> None:
    if not host.user:
        raise LabError(f"{host.name}: a darwin host needs a user")
    _without_systemd(root, ["/usr/sbin/sshd -D -e", _DAEMON])
    _write(root / "etc/lab-boot", "#!/bin/sh\n/bin/launchctl boot\n", 0o755)
    _set_password(host.user, access.password, root)
    rules = f'Defaults lecture=never\nDefaults secure_path="{_DARWIN_PATH}"\n{host.user.name} ALL=(ALL) ALL\n'
    _write(root / "etc/sudoers.d/lab", rules, 0o440)
    # Only Linux has these.
    _remove(root, [f"usr/bin/{name}" for name in ("setsid", "flock", "busybox", "systemd*", "systemctl", "journalctl")])
    _remove(
        root, ["usr/bin/*ctl", "usr/bin/nsenter", "usr/bin/unshare", "usr/bin/ip", "usr/lib/systemd", "etc/systemd"]
    )
    _remove(root, ["etc/terminfo"])
    # Nix is where its installer puts it, and only login shells know.
    _remove(root, ["usr/bin/nix*"])
    (root / "nix/var/nix/profiles/default").symlink_to("/opt/nix")
    _write(root / "etc/profile.d/nix-daemon.sh", 'PATH="/nix/var/nix/profiles/default/bin:$PATH"\nexport PATH\n')
    _install("uname-darwin", root / "usr/bin/uname")
    _install("launchctl", root / "usr/bin/launchctl")
    shutil.move(root / "usr/bin/env", root / "usr/lib/lab/env")
    _install("env-darwin", root / "usr/bin/env")
    # What launchd's jobs begin with, since Nix has a volume of its own, and what checks of /etc ask.
    _write(root / "usr/bin/wait4path", '#!/bin/sh\nuntil [ -e "$1" ]; do sleep 0.1; done\n', 0o755)
    _write(root / "usr/bin/shasum", '#!/bin/sh\nshift 2\nexec sha256sum "$@"\n', 0o755)
    _write(root / "usr/bin/sw_vers", _SW_VERS, 0o755)
    _install("dscl", root / "usr/bin/dscl")
    _write(root / "usr/sbin/scutil", "#!/bin/sh\n", 0o755)
    _link_run(root)
    for name in ("Fonts", "LaunchAgents", "LaunchDaemons"):
        (root / "Library" / name).mkdir(parents=True)
    (root / "var/root").mkdir(mode=0o750)
    accounts = root / "etc/passwd"
    accounts.write_text(accounts.read_text().replace(":/root:", ":/var/root:"))
    _have_build_users(root)


def _link_run(root: Path) -> None:
    """Have /run where a Mac has it, whose root directory cannot be written to."""
    (root / "var/run").unlink()
    (root / "var/run").mkdir()
    (root / "private").mkdir()
    (root / "private/var").symlink_to("../var")
    shutil.rmtree(root / "run")
    (root / "run").symlink_to("private/var/run")
    _write(root / "etc/synthetic.conf", "nix\nrun\tprivate/var/run\n")
    _write(root / "System/Library/Filesystems/apfs.fs/Contents/Resources/apfs.util", "#!/bin/sh\n", 0o755)


def _have_build_users(root: Path) -> None:
    """Nix's, by the names and numbers that its installers give them on a Mac."""
    names = [f"_nixbld{number}" for number in range(1, 33)]
    entries = {
        "passwd": [f"{name}:x:{351 + index}:350::/var/empty:/usr/bin/false" for index, name in enumerate(names)],
        "shadow": [f"{name}:*:20000:0:99999:7:::" for name in names],
        "group": [f"nixbld:x:350:{','.join(names)}"],
        "gshadow": [f"nixbld:!::{','.join(names)}"],
    }
    for name, added in entries.items():
        path = root / "etc" / name
        kept = [line for line in path.read_text().splitlines() if not line.startswith("nixbld")]
        path.write_text("".join(f"{line}\n" for line in [*kept, *added]))


def _set_password(user: User, password: str, root: Path) -> None:
    command = ["chroot", str(root), "chpasswd"]
    done = subprocess.run(command, input=f"{user.name}:{password}\n", capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"{root}: chpasswd failed: {done.stderr.strip()}")


def _nix_on_droid(host: Host, _access: HostAccess, root: Path) -> None:
    user = host.user
    if not user:
        raise LabError(f"{host.name}: a nix-on-droid host needs a user")
    # sshd is the user's own process there, on a port that needs no privilege.
    _without_systemd(root, [f"/usr/lib/lab/busybox su -s /bin/sh {user.name} -c 'exec /usr/sbin/sshd -D -e'"])
    _busybox_userland(root)
    _own([root / "etc/ssh/ssh_host_ed25519_key"], user)
    home = root / user.home.lstrip("/")
    _write(home / ".profile", '. "$HOME/.nix-profile/etc/profile.d/nix-on-droid-session-init.sh"\n')
    _write(root / "etc/profile", "# Sessions are set up by the user's own profile.\n")
    _install("nix-on-droid-session-init.sh", root / "opt/nix/etc/profile.d/nix-on-droid-session-init.sh", 0o644)
    profiles = root / "nix/var/nix/profiles"
    own_profiles = profiles / "per-user" / user.name
    own_profiles.mkdir(parents=True)
    (own_profiles / "profile").symlink_to("/opt/nix")
    (profiles / "default").symlink_to("/opt/nix")
    (home / ".nix-profile").symlink_to(f"/nix/var/nix/profiles/per-user/{user.name}/profile")
    _own([home / ".profile", home / ".nix-profile"], user)
    # /etc too: there it is a directory of the installation.
    for tree in ("etc", "nix"):
        for directory, subdirectories, files in os.walk(root / tree):
            _own([Path(directory), *(Path(directory, name) for name in (*subdirectories, *files))], user)
    (root / "data/data/com.termux.nix/files/usr").mkdir()
    _own([root / "data/data/com.termux.nix/files/usr"], user)
    # These as well.
    _own([root / "usr/bin", root / "usr/lib"], user)


def _busybox_userland(root: Path) -> None:
    """Nothing but busybox, ssh and the C library's own programs."""
    kept = ("busybox", "ssh", "scp", "sftp", "sshd", "init", "reboot", "shutdown", "poweroff", "halt", "ldconfig")
    hidden = root / "usr/lib/lab/gnu"
    hidden.mkdir()
    for directory in (root / "usr/bin", root / "usr/sbin"):
        for program in directory.iterdir():
            if program.name in _OF_NIXPKGS:
                shutil.copy2(program, hidden / program.name)
            if program.name not in kept and not program.name.startswith("ssh"):
                program.unlink()
    listed = subprocess.run(
        ["chroot", str(root), "/usr/bin/busybox", "--list"], capture_output=True, text=True, check=True
    )
    for applet in listed.stdout.split():
        link = root / "usr/bin" / applet
        if applet not in ("reboot", "poweroff", "halt", "init", "dpkg", "dpkg-deb", "rpm", "su") and not link.exists():
            link.symlink_to("busybox")
    _remove(root, ["usr/lib/systemd", "etc/systemd", "etc/sudoers*"])


def _plain(_host: Host, _access: HostAccess, root: Path) -> None:
    _without_systemd(root, ["/usr/sbin/sshd -D -e"])


_PLATFORMS: dict[Kind, Callable[[Host, HostAccess, Path], None]] = {
    Kind.NIXOS: _nixos,
    Kind.HOME_MANAGER: _home_manager,
    Kind.DARWIN: _darwin,
    Kind.NIX_ON_DROID: _nix_on_droid,
    Kind.PLAIN: _plain,
}
