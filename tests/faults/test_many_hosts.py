# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Twenty hosts, of which five fail in five ways, in one run: no failure is any other host's."""

from __future__ import annotations

import json
import secrets
import typing as t
from pathlib import Path

import pytest

from . import remains
from .conftest import Ground
from .deployment import Deployment, Ended
from .fleet import Machine
from .project import CONFIRM_TIMEOUT, ROOT
from .report import PROPERTY, Seen

COUNT = 20
HOSTS = [f"plain-{number}" for number in range(1, COUNT + 1)]
PROFILE = "/nix/var/nix/profiles/fleet"
ORDER = 10_000
UNREACHABLE, NO_EVALUATION, NO_BUILD, FULL_DISK, FAILING = "plain-3", "plain-7", "plain-11", "plain-14", "plain-18"
FAILED = {NO_EVALUATION, NO_BUILD, FULL_DISK, FAILING}

# The same program for everybody: it makes the running generation known, and does what else it was built to do.
_FLAKE = """
{
  outputs = _: {
    hosts = builtins.listToAttrs (map (name: { inherit name; value = (%(wrong)s).${name} or (make name ""); }) %(hosts)s);
  };
}
"""
_MAKE = """
  make = name: more: derivation {
    name = "fleet-%(token)s-${name}"; system = "x86_64-linux"; builder = "/bin/sh"; PATH = "/usr/bin:/bin";
    text = "#!/bin/sh\\n${more}\\necho %(token)s > /run/deployed\\n"; passAsFile = [ "text" ];
    args = [ "-euc" "mkdir $out; cp $textPath $out/activate; chmod 755 $out/activate" ];
  };
"""
_WRONG = """{
  "plain-7" = throw "not like this";
  "plain-11" = derivation { name = "broken"; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" "echo no such luck; exit 3" ]; };
  "plain-14" = derivation { name = "big-%(token)s"; system = "x86_64-linux"; builder = "/bin/sh"; PATH = "/usr/bin:/bin";
    args = [ "-euc" "mkdir $out; head -c 4000000 /dev/urandom > $out/data; echo '#!/bin/sh' > $out/activate; chmod 755 $out/activate" ]; };
  "plain-18" = make "plain-18" "echo this is what is wrong; exit 1";
}"""


class Many:
    """The twenty hosts, and the flake that they are deployed from."""

    def __init__(self, ground: Ground, directory: Path) -> None:
        self.machines = {name: Machine(ground.lab, name) for name in HOSTS}
        self.directory = directory
        self._project = directory / "project"
        self._project.mkdir()
        inventory = json.loads(ground.lab("inventory", "--format", "json", *HOSTS))
        inventory["lab"]["vars"] |= {
            "deploy_flake": f"path:{self._project}",
            "nix_attr": 'hosts."{{ inventory_hostname }}"',
            "nix_platform": "custom",
            "nix_profile": PROFILE,
            "nix_activate": "activate",
            "deploy_confirm_timeout": 2 * CONFIRM_TIMEOUT,
        }
        hosts = {name: inventory["_meta"]["hostvars"][name] for name in HOSTS}
        (self._project / "hosts.yml").write_text(
            json.dumps({"lab": {"vars": inventory["lab"]["vars"], "hosts": hosts}}, indent=2)
        )
        settings = (ROOT / "ansible.cfg").read_text().replace("[defaults]", "[defaults]\ntimeout = 5")
        settings = settings.replace("nix.fleet.nix_inventory, host_list", "yaml").replace("fleet.nix.yml", "hosts.yml")
        (self._project / "ansible.cfg").write_text(settings.replace("inventory/hosts.yml", "hosts.yml"))
        play = {"hosts": "all", "gather_facts": False, "strategy": "host_pinned", "roles": ["nix.fleet.deploy"]}
        (self._project / "deploy.yml").write_text(json.dumps([play]))

    def configure(self, token: str, *, wrong: bool) -> None:
        """Give every host a new closure, of which some are no good."""
        names = f"[ {' '.join(json.dumps(name) for name in HOSTS)} ]"
        text = _FLAKE % {"wrong": _WRONG if wrong else "{ }", "hosts": names}
        text = text.replace("outputs = _: {", "outputs = _: let %s in {" % _MAKE)  # noqa: UP031
        (self._project / "flake.nix").write_text(text.replace("%(token)s", token))

    def deploy(self) -> Ended:
        """Deploy to all of them."""
        return Deployment(self._project, self.directory, [], None).ended()

    def marks(self) -> dict[str, str]:
        """Return what each host runs, by the token of the deployment that brought it."""
        return {name: machine.path("/run/deployed").read_text().strip() for name, machine in self.machines.items()}

    def profiles(self) -> dict[str, str]:
        """Return where each host's profile leads."""
        found = {}
        for name, machine in self.machines.items():
            profile = machine.path(PROFILE)
            found[name] = str(profile.with_name(str(profile.readlink())).readlink())
        return found


@pytest.fixture
def many(ground: Ground, directory: Path, request: pytest.FixtureRequest) -> t.Iterator[Many]:
    """Return twenty hosts that all have the same good system."""
    if request.config.getoption("--representative"):
        pytest.skip("not one of the rows that stand for the others")
    ground.lab("up", *HOSTS)
    many = Many(ground, directory)
    many.configure("first", wrong=False)
    ended = many.deploy()
    assert ended.rc == 0, ended.output
    yield many
    remains.end_sessions(many.machines[UNREACHABLE])
    ground.lab("down", *HOSTS)


def test_of_twenty_hosts_five_fail_in_five_ways(many: Many, ground: Ground, record_property: Seen) -> None:
    told = {"order": ORDER, "fault": "five of twenty hosts fail in five ways", "moment": "each at its own"}
    told |= {"machine": "plain-1 … plain-20", "expectation": "15 new, 4 failed, 1 unreachable", "seen": "nothing"}
    record_property(PROPERTY, told)
    before = many.profiles()
    token = secrets.token_hex(4)
    many.configure(token, wrong=True)
    ground.lab("cut", UNREACHABLE)
    ground.lab("fill-disk", FULL_DISK)
    try:
        ended = many.deploy()
    finally:
        ground.lab("heal", UNREACHABLE)
        ground.lab("free-disk", FULL_DISK)
    counted = {name: ended.told(name) for name in HOSTS}
    told["seen"] = ", ".join(
        f"{sum(word == each for each in counted.values())} {word}" for word in ("changed", "failed", "unreachable")
    )
    assert {name for name, word in counted.items() if word == "failed"} == FAILED, ended.output
    assert counted[UNREACHABLE] == "unreachable"
    good = {name for name, word in counted.items() if word == "changed"}
    assert good == set(HOSTS) - FAILED - {UNREACHABLE}
    # Ansible's exit code knows one kind of failure: that a host could not be reached comes before all others.
    assert ended.rc == 4
    for words in ("not like this", "no such luck", "the disk is full", "this is what is wrong"):
        assert words in ended.output
    assert {name for name, mark in many.marks().items() if mark == token} == good
    now = many.profiles()
    assert {name for name in HOSTS if now[name] == before[name]} == FAILED | {UNREACHABLE}
    many.configure(token, wrong=False)
    again = many.deploy()
    assert again.rc == 0, again.output
    assert {name for name in HOSTS if again.told(name) == "ok"} == good
    assert set(many.marks().values()) == {token}
