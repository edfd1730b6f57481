# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of the rehearsal fleet."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from . import disk, links, network, power, status
from .boot_loader import system_to_start
from .cache import remove_cache
from .cgroup import running_fleets
from .clone import clone_in, this_clone
from .enter import enter
from .errors import LabError
from .fleet import Fleet
from .generated_inventory import ansible_inventory
from .hosts import MEBIBYTE, NAMED_HOSTS, PLAIN_HOSTS, Host, host_named, hosts_matching, plain_host
from .requirements import require_machine, require_root
from .shaping import parse_milliseconds, parse_rate

_EPILOG = """\
Hosts are given by name or pattern ('vps-*'). Everything a fleet makes is in .lab of this clone, or of the project
that is named, and gone after `lab down`, except the root file systems in ${XDG_CACHE_HOME:-~/.cache}/nix-fleet-lab (`lab down --cache`).
Exit codes: 0 done; 1 failed; 2 wrong usage; 3 this machine cannot carry a fleet.
"""

Arguments = argparse.Namespace
Parsed = TypeVar("Parsed")


def _say(text: str) -> None:
    print(text, flush=True)


def _up(fleet: Fleet, arguments: Arguments) -> None:
    require_machine()
    count = arguments.plain or 0
    if not 0 <= count <= PLAIN_HOSTS:
        raise LabError(f"--hosts {count}: there are at most {PLAIN_HOSTS} plain hosts")
    hosts = hosts_matching(arguments.hosts) + [plain_host(number) for number in range(1, count + 1)]
    if not hosts:
        hosts = list(NAMED_HOSTS)
    fleet.up(hosts, _say)


def _down(fleet: Fleet, arguments: Arguments) -> None:
    require_root()
    present = fleet.existing()
    hosts = [host for host in hosts_matching(arguments.hosts) if host in present] if arguments.hosts else None
    fleet.down(hosts, _say)
    if arguments.cache:
        if fleets := running_fleets():
            raise LabError(f"the cache is in use by {', '.join(fleets)}; take those fleets down first")
        remove_cache()


def _status(fleet: Fleet, arguments: Arguments) -> None:
    rows = status.statuses(fleet)
    if arguments.json:
        _say(json.dumps(status.as_dictionaries(rows), indent=2))
    else:
        _say(status.table(rows) if rows else "no host is up; `lab up` brings the fleet up")


def _nix(fleet: Fleet, _arguments: Arguments) -> None:
    fleet.up([], _say)


def _ssh(fleet: Fleet, arguments: Arguments) -> None:
    host = host_named(arguments.host)
    fleet.running_state(host)
    command = ["ssh", "-F", str(fleet.clone.ssh_config), host.name, *arguments.command]
    os.execvp(command[0], command)


def _exec(fleet: Fleet, arguments: Arguments) -> None:
    require_root()
    command = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    enter(fleet, host_named(arguments.host), command or ["/bin/sh"])


def _reboot(fleet: Fleet, arguments: Arguments) -> None:
    for host in _chosen(fleet, arguments):
        power.reboot(fleet, host, not arguments.no_wait)


def _power_cycle(fleet: Fleet, arguments: Arguments) -> None:
    for host in _chosen(fleet, arguments):
        power.power_cycle(fleet, host, not arguments.no_wait)


def _cut(fleet: Fleet, arguments: Arguments) -> None:
    _order(fleet, arguments, "cut", manner="reset" if arguments.reset else "silent")


def _refuse(fleet: Fleet, arguments: Arguments) -> None:
    _order(fleet, arguments, "refuse", manner="reset" if arguments.reset else "silent")


def _admit(fleet: Fleet, arguments: Arguments) -> None:
    _order(fleet, arguments, "admit")


def _heal(fleet: Fleet, arguments: Arguments) -> None:
    _order(fleet, arguments, "heal")


def _delay(fleet: Fleet, arguments: Arguments) -> None:
    _order(fleet, arguments, "delay", seconds=arguments.time)


def _throttle(fleet: Fleet, arguments: Arguments) -> None:
    _order(fleet, arguments, "throttle", rate=arguments.rate)


def _uplink(fleet: Fleet, arguments: Arguments) -> None:
    require_root()
    links.order(fleet.clone.control_socket, "uplink", rate=arguments.rate)
    _say("uplink: as fast as it goes" if arguments.rate is None else f"uplink: {arguments.rate:g} bytes a second")


def _network(fleet: Fleet, arguments: Arguments) -> None:
    hosts = _chosen(fleet, arguments)
    if arguments.off:
        network.leave(fleet, hosts)
    else:
        network.join(fleet, hosts, arguments.rate)
    _say(f"network: {', '.join(host.name for host in hosts)} {'left' if arguments.off else 'joined'}")


def _freeze(fleet: Fleet, arguments: Arguments) -> None:
    for host in _chosen(fleet, arguments):
        fleet.host_cgroup(host).freeze(True)


def _thaw(fleet: Fleet, arguments: Arguments) -> None:
    for host in _chosen(fleet, arguments):
        fleet.host_cgroup(host).freeze(False)


def _fill_disk(fleet: Fleet, arguments: Arguments) -> None:
    for host in _chosen(fleet, arguments):
        _say_space(host, disk.fill(_filling(fleet, host, arguments), int(arguments.leave * MEBIBYTE)))


def _free_disk(fleet: Fleet, arguments: Arguments) -> None:
    for host in _chosen(fleet, arguments):
        _say_space(host, disk.free(_filling(fleet, host, arguments)))


def _filling(fleet: Fleet, host: Host, arguments: Arguments) -> Path:
    try:
        return (disk.esp_filling if arguments.boot else disk.disk_filling)(fleet.root(host))
    except LabError as error:
        raise LabError(f"{host.name}: {error}") from None


def _say_space(host: Host, now: disk.Usage) -> None:
    _say(f"{host.name}: {(now.size - now.used) / MEBIBYTE:.1f} MiB free of {now.size // MEBIBYTE}")


def _boots(fleet: Fleet, arguments: Arguments) -> None:
    require_root()
    _say(str(system_to_start(fleet.root(host_named(arguments.host))) or ""))


def _inventory(fleet: Fleet, arguments: Arguments) -> None:
    hosts = hosts_matching(arguments.hosts) if arguments.hosts else fleet.existing()
    _say(ansible_inventory(fleet.clone, hosts, arguments.format))


def _chosen(fleet: Fleet, arguments: Arguments) -> list[Host]:
    require_root()
    hosts = hosts_matching(arguments.hosts)
    present = fleet.existing()
    # A pattern means those of its hosts that are up; a name means that host.
    chosen = [host for host in hosts if host in present or host.name in arguments.hosts]
    if not chosen:
        raise LabError(f"{' '.join(arguments.hosts)}: none of these hosts is up")
    for host in chosen:
        fleet.running_state(host)
    return chosen


def _order(fleet: Fleet, arguments: Arguments, what: str, **details: object) -> None:
    for host in _chosen(fleet, arguments):
        now = links.order(fleet.clone.control_socket, what, host=host.name, **details)
        _say(f"{host.name}: {status.describe_line(now)}")


def _rate_or_none(text: str) -> float | None:
    return None if text == "none" else parse_rate(text)


def _directory(text: str) -> Path:
    directory = Path(text)
    if not directory.is_dir():
        raise ValueError(f"{text}: no such directory")
    return directory


def _argument(parse: Callable[[str], Parsed]) -> Callable[[str], Parsed]:
    """A parser whose complaint argparse shows as it is."""

    def checked(text: str) -> Parsed:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return checked


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="lab",
        description="A fleet of hosts to rehearse deployments on: real Nix, real sshd, real systemd, on this machine.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument(
        "--project",
        type=_argument(_directory),
        default=this_clone().root,
        metavar="DIRECTORY",
        help="have a fleet for this project, with the example fleet's inventory in its .lab/fleet (default: this clone)",
    )
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, action: Callable[[Fleet, Arguments], None], text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(action=action)
        return added

    def for_hosts(name: str, action: Callable[[Fleet, Arguments], None], text: str) -> argparse.ArgumentParser:
        added = command(name, action, text)
        added.add_argument("hosts", nargs="+", metavar="HOST", help="a name, or a pattern such as 'vps-*'")
        return added

    up = command("up", _up, "bring hosts up (all named ones when none is given); what is up stays as it is")
    up.add_argument("hosts", nargs="*", metavar="HOST")
    up.add_argument(
        "--hosts", type=int, metavar="N", dest="plain", help="plain hosts plain-1 … plain-N, for benchmarks"
    )
    down = command("down", _down, "remove hosts, or (without a name) every trace of the fleet")
    down.add_argument("hosts", nargs="*", metavar="HOST")
    down.add_argument("--cache", action="store_true", help="the cached root file systems as well")
    command("status", _status, "show every host").add_argument("--json", action="store_true")
    command("nix", _nix, "only have a current Nix for the controller in .lab/bin and .venv/bin")
    ssh = command("ssh", _ssh, "log in to a host, or run a command there, over ssh")
    ssh.add_argument("host", metavar="HOST")
    ssh.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND")
    execute = command("exec", _exec, "run a command in a host as root, without ssh")
    execute.add_argument("host", metavar="HOST")
    execute.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    for name, action, text in (
        ("reboot", _reboot, "reboot hosts in an orderly way"),
        ("power-cycle", _power_cycle, "take the power away from hosts and give it back"),
    ):
        added = for_hosts(name, action, text)
        added.add_argument("--no-wait", action="store_true", help="do not wait until sshd answers again")
    cut = for_hosts("cut", _cut, "cut the line to hosts: nothing passes and nobody is told")
    cut.add_argument("--reset", action="store_true", help="end connections with a reset instead, and refuse new ones")
    refuse = for_hosts("refuse", _refuse, "let no new connection to hosts in; those that stand go on")
    refuse.add_argument("--reset", action="store_true", help="refuse at once instead of not answering")
    for_hosts("admit", _admit, "let new connections to hosts in again")
    for_hosts("heal", _heal, "make the line to hosts whole again: not cut, not delayed, not slow")
    delay = for_hosts("delay", _delay, "add latency to a host's line: TIME is for the round trip, half of it each way")
    delay.add_argument("time", type=_argument(parse_milliseconds), metavar="TIME", help="50, 50ms, 1.5s; 0 for none")
    throttle = for_hosts("throttle", _throttle, "limit a host's line in each direction, all connections together")
    throttle.add_argument("rate", type=_argument(parse_rate), metavar="RATE", help="10mbit, 2MB")
    uplink = command("uplink", _uplink, "limit what the controller sends, to all hosts together")
    uplink.add_argument("rate", type=_argument(_rate_or_none), metavar="RATE", help="10mbit, 2MB; none for no limit")
    among = for_hosts("network", _network, "let hosts reach each other at their addresses, until they reboot")
    among.add_argument("--rate", type=_argument(parse_rate), help="10mbit, 2MB: what each may send, and may receive")
    among.add_argument("--off", action="store_true", help="take them off it")
    for_hosts("freeze", _freeze, "stop every process of hosts, as a hanging machine does")
    for_hosts("thaw", _thaw, "let them go on")
    fill = for_hosts("fill-disk", _fill_disk, "leave hosts no space on their disk")
    fill.add_argument("--leave", type=float, default=0, metavar="MIB", help="leave this much (default: nothing)")
    free = for_hosts("free-disk", _free_disk, "give the space back")
    for added in (fill, free):
        added.add_argument("--boot", action="store_true", help="of the ESP at /boot, instead of the disk")
    boots = command("boots", _boots, "print the system that a host's boot loader would start now")
    boots.add_argument("host", metavar="HOST")
    inventory = command(
        "inventory", _inventory, "print hosts as an Ansible inventory (those that are up, if none is given)"
    )
    inventory.add_argument("hosts", nargs="*", metavar="HOST")
    inventory.add_argument("--format", choices=("yaml", "ini", "json"), default="yaml")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    parsed = parser().parse_args(arguments)
    os.umask(0o022)
    try:
        parsed.action(Fleet(clone_in(parsed.project)), parsed)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("lab: interrupted; `lab up` goes on from here, `lab down` cleans up", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 141
    return 0
