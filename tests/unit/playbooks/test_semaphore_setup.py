# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Semaphore is told to have, by its project file and by its API.

With SEMAPHORE_URL and SEMAPHORE_TOKEN in the environment, one test has a real server bring it about.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import typing as t
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ..playbook import ROOT, run_playbook
from .semaphore_server import TOKEN, Server

PLAYBOOK = ROOT / "playbooks/semaphore_setup.yml"
PUBLISHED: dict[str, t.Any] = json.loads((Path(__file__).parent / "semaphore_api.json").read_text())
GIVEN: dict[str, t.Any] = {"semaphore_repository_url": "https://git.example/fleet.git"}
KEY = "the-private-key-of-the-test"
REQUESTS = {
    "projects": "ProjectRequest",
    "keys": "AccessKeyRequest",
    "repositories": "RepositoryRequest",
    "inventory": "InventoryRequest",
    "environment": "EnvironmentRequest",
    "templates": "TemplateRequest",
    "schedules": "ScheduleRequest",
}


def play(
    url: str = "", token: str = "", at: Path = ROOT, options: Sequence[str] = (), **variables: t.Any
) -> subprocess.CompletedProcess[str]:
    """Run the playbook, at its most talkative, as for a server."""
    return run_playbook(
        *(PLAYBOOK, "-i", "localhost,", "-vvv", "-e", json.dumps(variables), *options),
        cwd=at,
        SEMAPHORE_URL=url,
        SEMAPHORE_TOKEN=token,
    )


def set_up(server: Server, **variables: t.Any) -> str:
    """Have the server bring it about, and return what was printed."""
    done = play(server.url, TOKEN, **GIVEN, semaphore_machine_key=KEY, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


class FirstRun(t.NamedTuple):
    """What a server was asked for that had nothing, and what was printed."""

    server: Server
    asked: list[tuple[str, str, t.Any]]
    output: str


@pytest.fixture(scope="module")
def first() -> Iterator[FirstRun]:
    """A server that has had everything brought about."""
    with Server() as server:
        output = set_up(server)
        yield FirstRun(server, list(server.asked), output)
        server.shutdown()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> dict[str, t.Any]:
    """The project's file."""
    file = tmp_path_factory.mktemp("semaphore") / "fleet.json"
    done = play(**GIVEN, semaphore_file=str(file), semaphore_machine_key=KEY)
    assert done.returncode == 0, done.stdout + done.stderr
    assert KEY not in file.read_text()
    return t.cast("dict[str, t.Any]", json.loads(file.read_text()))


def test_the_file_has_the_parts_of_a_backup_and_no_others(project: dict[str, t.Any]) -> None:
    assert sorted(project) == PUBLISHED["backup"]


def test_each_name_in_the_file_is_one_of_an_object_in_it(project: dict[str, t.Any]) -> None:
    names = {kind: {item["name"] for item in items} for kind, items in project.items() if isinstance(items, list)}
    for user in (*project["repositories"], *project["inventories"]):
        assert user["ssh_key"] in names["keys"]
    for template in project["templates"]:
        assert template["repository"] in names["repositories"]
        assert template["inventory"] in names["inventories"]
        assert {template["environment"], *template["environments"]} <= names["environments"]
    for schedule in project["schedules"]:
        assert schedule["template"] in names["templates"]


def test_host_keys_are_checked_unless_somebody_says_otherwise(project: dict[str, t.Any], tmp_path: Path) -> None:
    (environment,) = project["environments"]
    assert json.loads(environment["env"])["ANSIBLE_HOST_KEY_CHECKING"] == "True"
    said = {"ANSIBLE_HOST_KEY_CHECKING": "False", "NIX_FLEET": "1"}
    done = play(**GIVEN, at=tmp_path, semaphore_file="fleet.json", semaphore_environment=said)
    assert done.returncode == 0, done.stdout + done.stderr
    (environment,) = json.loads((tmp_path / "fleet.json").read_text())["environments"]
    assert said.items() <= json.loads(environment["env"]).items()


def test_a_server_gets_what_the_file_has(first: FirstRun, project: dict[str, t.Any]) -> None:
    made = [path for method, path, _body in first.asked if method == "POST"]
    assert {path.rpartition("/")[2] for path in made} == {*REQUESTS}
    assert not [method for method, _path, _body in first.asked if method == "PUT"]
    for kind, part in (("templates", "templates"), ("inventory", "inventories"), ("schedules", "schedules")):
        assert [item["name"] for item in first.server.objects[kind]] == [item["name"] for item in project[part]]


def test_each_request_has_the_fields_that_the_api_documents(first: FirstRun) -> None:
    for method, path, body in first.asked:
        if method == "POST":
            fields = PUBLISHED["requests"][REQUESTS[path.rpartition("/")[2]]]
            assert {name: type(value).__name__ for name, value in body.items()}.items() <= fields.items()


def test_neither_the_token_nor_the_key_is_printed(first: FirstRun) -> None:
    assert any(KEY in json.dumps(body) for _method, _path, body in first.asked)
    assert TOKEN not in first.output
    assert KEY not in first.output


def test_a_second_run_changes_nothing_and_a_third_what_differs(first: FirstRun) -> None:
    server = first.server
    server.asked.clear()
    again = set_up(server)
    assert "changed=0" in again
    assert "made: 0, changed: 0" in again
    assert server.written == []
    set_up(server, semaphore_repository_branch="stable", semaphore_scheduled=False)
    assert sorted(method for method, _path in server.written) == ["PUT", "PUT", "PUT"]
    assert server.objects["repositories"][0]["git_branch"] == "stable"
    assert not any(item["active"] for item in server.objects["schedules"])


def test_the_keys_of_the_repository_of_sudo_and_of_the_vault_are_made_and_printed_nowhere() -> None:
    given = {"semaphore_repository_password": "hunter2", **GIVEN}
    with Server() as server:
        given |= {"semaphore_become_password": "hunter3", "semaphore_vault_password": "hunter4"}
        done = play(server.url, TOKEN, **given, semaphore_machine_key=KEY)
        assert done.returncode == 0, done.stdout + done.stderr
        server.shutdown()
    keys = {item["name"]: item for item in server.objects["keys"]}
    assert keys["Fleet repository"]["login_password"]["password"] == "hunter2"
    assert keys["Fleet become"]["login_password"]["password"] == "hunter3"
    assert keys["Fleet vault"]["login_password"]["password"] == "hunter4"
    vault = {"name": None, "type": "password", "vault_key_id": keys["Fleet vault"]["id"]}
    assert all(template["vaults"] == [vault] for template in server.objects["templates"])
    assert server.objects["repositories"][0]["ssh_key_id"] == keys["Fleet repository"]["id"]
    assert server.objects["inventory"][0]["become_key_id"] == keys["Fleet become"]["id"]
    assert "hunter" not in done.stdout + done.stderr


def test_a_variable_that_would_beat_what_group_vars_says_of_some_hosts_is_refused(tmp_path: Path) -> None:
    done = play(**GIVEN, at=tmp_path, semaphore_file="fleet.json", semaphore_variables={"deploy_build_on": "homelab"})
    assert done.returncode == 2
    assert "semaphore_variables has deploy_build_on" in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_refusal_is_told_with_its_status_and_without_the_token() -> None:
    with Server() as server:
        done = play(server.url, "another-token", **GIVEN)
        server.shutdown()
    assert done.returncode == 2
    assert "/api/projects: 401" in done.stdout + done.stderr
    assert "another-token" not in done.stdout + done.stderr
    assert server.written == []


def test_a_server_without_a_token_is_told_before_anything_is_written(tmp_path: Path) -> None:
    done = play("https://semaphore.example", **GIVEN, at=tmp_path, semaphore_file="fleet.json")
    assert done.returncode == 2
    assert "and no token for it: set SEMAPHORE_TOKEN" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif("SEMAPHORE_URL" not in os.environ, reason="no SEMAPHORE_URL: no real server")
def test_a_real_server_brings_it_about_once() -> None:
    name = f"nix.fleet test {secrets.token_hex(4)}"
    for changed in (True, False):
        done = play(
            os.environ["SEMAPHORE_URL"],
            os.environ["SEMAPHORE_TOKEN"],
            **GIVEN,
            semaphore_name=name,
            semaphore_machine_key=KEY,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert ("changed=0" in done.stdout) != changed
