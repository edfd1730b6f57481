# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A project of Semaphore is brought about: what is missing is made, what differs is changed, and nothing else is touched."""

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import NixError
from ansible_collections.nix.fleet.plugins.plugin_utils.job_servers.semaphore import Access, Setup, differs

from ...errors import fails_with

URL = "https://semaphore.example"


@pytest.mark.parametrize(
    "url", ["https://semaphore.example/", "http://127.0.0.1:3000", "https://one.example/semaphore"]
)
def test_an_address_is_taken_as_a_browser_shows_it(url: str) -> None:
    assert Access.of(url, "token").place("projects") == f"{url.rstrip('/')}/api/projects"


@pytest.mark.parametrize(
    "url",
    ["semaphore.example", "localhost:3000", "ftp://semaphore.example", "https:/one", "https://", "", "https://a b"],
)
def test_what_is_no_address_is_told_with_one_that_is(url: str) -> None:
    with pytest.raises(NixError, match="is not the address of a server: https:// and its name are needed") as told:
        Access.of(url, "token")
    assert "https://semaphore.example" in str(told.value.advice)


@pytest.mark.parametrize("token", ["", " \n"])
def test_a_token_that_is_missing_is_told_as_such(token: str) -> None:
    with fails_with("semaphore.no_token") as told:
        Access.of(URL, token)
    assert "SEMAPHORE_TOKEN" in str(told.value.advice)


def test_the_line_break_that_a_file_ends_with_is_no_part_of_a_token() -> None:
    assert Access.of(URL, "token=\n").token == "token="


@pytest.mark.parametrize("token", ["hunter2\nX-Other: header", "hunter2 hunter3", "hünter2"])
def test_what_is_no_token_is_not_told(token: str) -> None:
    with fails_with("semaphore.bad_token") as told:
        Access.of(URL, token)
    assert "nter2" not in f"{told.value} {told.value.__cause__} {told.value.to_result()}"


@pytest.mark.parametrize("url", ["https://me:hunter2@semaphore.example", "me:hunter2@semaphore.example"])
def test_a_password_in_an_address_is_not_shown(url: str) -> None:
    with pytest.raises(NixError) as told:
        Access.of(url, "")
    assert "hunter2" not in str(told.value)
    assert "hunter2" not in Access.of("https://me:hunter2@semaphore.example", "token").shown("projects")


PROJECT: dict[str, t.Any] = {
    "meta": {"name": "Fleet"},
    "keys": [{"name": "None", "type": "none"}, {"name": "machines", "type": "ssh"}],
    "repositories": [{"name": "Fleet", "git_branch": "main", "ssh_key": "None"}],
    "inventories": [{"name": "Fleet", "type": "file", "ssh_key": "machines"}],
    "environments": [{"name": "Fleet", "json": "{}"}],
    "templates": [
        {
            "name": "deploy",
            "type": "",
            "repository": "Fleet",
            "inventory": "Fleet",
            "environment": "Fleet",
            "environments": ["Fleet"],
        }
    ],
    "schedules": [{"name": "nightly", "template": "deploy", "active": False}],
}
SECRETS = {"machines": {"ssh": {"private_key": "key"}}}


class Table:
    """A server that keeps what it is given, leaves out what is empty, and writes down what changes.

    As real ones do, it makes a key that holds nothing with a project, takes what is put for the whole of an object, forgets
    fields that it is too old for (``unknown``), and tells a template's vaults only where it is asked for that template alone.
    """

    def __init__(self, *unknown: str) -> None:
        self.objects: dict[str, list[dict[str, t.Any]]] = {}
        self.written: list[str] = []
        self._unknown = {"ssh", "override_secret", *(unknown or ("environment_id",))}

    def get(self, path: str) -> list[dict[str, t.Any]]:
        return [self._told(item, {"vaults"}) for item in self.objects.get(path, [])]

    def one(self, path: str) -> dict[str, t.Any]:
        place, _slash, number = path.rpartition("/")
        (item,) = (each for each in self.objects[place] if each["id"] == int(number))
        return self._told(item, set())

    def _told(self, item: dict[str, t.Any], hidden: set[str]) -> dict[str, t.Any]:
        return {name: value for name, value in item.items() if value and name not in self._unknown | hidden}

    def post(self, path: str, item: dict[str, t.Any]) -> None:
        self.written.append(f"POST {path}")
        number = len(self.written)
        self.objects.setdefault(path, []).append({**item, "id": number})
        if path == "projects":
            self.objects[f"project/{number}/keys"] = [{"name": "None", "type": "none", "id": 99}]

    def put(self, path: str, item: dict[str, t.Any]) -> None:
        self.written.append(f"PUT {path}")
        place, _slash, number = path.rpartition("/")
        assert int(number) == item["id"]
        if "environment_ids" in self._unknown and "vaults" in item:
            item = {**item, "vaults": [{**vault, "id": len(self.written)} for vault in item["vaults"]]}
        self.objects[place] = [item if each["id"] == item["id"] else each for each in self.objects[place]]


def set_up(
    server: Table, project: dict[str, t.Any] | None = None, *, check: bool = False, replace_keys: bool = False
) -> Setup:
    setup = Setup(server, project or PROJECT, SECRETS, check, replace_keys)
    setup.run()
    return setup


def test_names_become_numbers() -> None:
    server = Table()
    set_up(server)
    (template,) = server.objects["project/1/templates"]
    assert template["repository_id"] == server.objects["project/1/repositories"][0]["id"]
    assert template["environment_ids"] == [server.objects["project/1/environment"][0]["id"]]
    assert not {"repository", "inventory", "environment", "environments"} & set(template)
    assert server.objects["project/1/schedules"][0]["template_id"] == template["id"]


@pytest.mark.parametrize("unknown", ["environment_id", "environment_ids"])
def test_a_server_of_any_age_has_nothing_to_change_the_second_time(unknown: str) -> None:
    server = Table(unknown)
    set_up(server)
    server.written.clear()
    again = set_up(server)
    assert server.written == again.made == again.changed == []


def test_only_what_differs_is_changed() -> None:
    server = Table()
    set_up(server)
    server.written.clear()
    setup = set_up(server, {**PROJECT, "repositories": [{**PROJECT["repositories"][0], "git_branch": "stable"}]})
    assert setup.changed == ["repositories Fleet"]
    assert len(server.written) == 1
    assert set_up(server, {**PROJECT, "repositories": []}).changed == []


RENAMED = {**PROJECT, "templates": [{**PROJECT["templates"][0], "description": "new", "task_params": {"debug": True}}]}


def test_what_is_set_by_hand_and_the_file_does_not_name_is_kept_when_the_rest_changes() -> None:
    server = Table()
    set_up(server)
    (template,) = server.objects["project/1/templates"]
    by_hand = {"view_id": 3, "git_branch": "stable", "vaults": [{"vault_key_id": 2}], "allow_parallel_tasks": True}
    template.update(by_hand, task_params={"limit": ["web"]})
    (inventory,) = server.objects["project/1/inventory"]
    inventory["become_key_id"] = 2
    set_up(server, {**RENAMED, "inventories": [{**PROJECT["inventories"][0], "inventory": "other.yml"}]})
    (template,) = server.objects["project/1/templates"]
    assert by_hand.items() <= template.items()
    assert (template["description"], template["task_params"]) == ("new", {"limit": ["web"], "debug": True})
    assert server.objects["project/1/inventory"][0]["become_key_id"] == 2


def test_a_variable_that_was_added_by_hand_is_kept_beside_those_of_the_file() -> None:
    server, variables = Table(), {"name": "Fleet", "json": '{"theirs": "from the file"}'}
    set_up(server, {**PROJECT, "environments": [variables]})
    (group,) = server.objects["project/1/environment"]
    group["json"] = '{ "theirs": "by hand", "ours": 1 }'
    changed = [set_up(server, {**PROJECT, "environments": [variables]}).changed for _time in range(2)]
    assert changed == [["environment Fleet"], []]
    assert json.loads(server.objects["project/1/environment"][0]["json"]) == {"theirs": "from the file", "ours": 1}


def test_what_changes_is_told_field_by_field_and_no_value_of_a_variable() -> None:
    server = Table()
    set_up(server)
    variables = [{"name": "Fleet", "json": '{"token": "hunter2"}', "env": '{"A": "hunter3"}'}]
    told = set_up(server, {**RENAMED, "environments": variables}, check=True).differences
    assert [each["before_header"] for each in told] == ["environment Fleet", "templates deploy"]
    assert told[1]["after"] == {"description": "new", "task_params": {"debug": True}}
    assert told[1]["before"] == {"description": None, "task_params": None}
    assert "hunter" not in str(told)
    assert "token" in str(told)


def test_a_backup_goes_in_with_its_views_build_templates_and_vaults() -> None:
    server = Table()
    vaults = [{"name": "v", "type": "password", "vault_key": "machines"}]
    (deploy,) = PROJECT["templates"]
    build = {**deploy, "name": "build", "vaults": []}
    # A deployment may stand before what it builds with.
    templates = [{**deploy, "view": "Mine", "build_template": "build", "vaults": vaults}, build]
    backup = {**PROJECT, "views": [{"title": "Mine", "position": 1}], "templates": templates}
    assert set_up(server, backup, check=True).made == set_up(server, backup).made
    built, template = server.objects["project/1/templates"]
    key, (view,) = server.objects["project/1/keys"][1], server.objects["project/1/views"]
    assert template["vaults"] == [{"name": "v", "type": "password", "vault_key_id": key["id"]}]
    assert (template["build_template_id"], template["view_id"]) == (built["id"], view["id"])
    assert not {"view", "build_template"} & set(template)
    built["vaults"] = [{"vault_key_id": 2}]
    assert set_up(server, backup).changed == []
    assert set_up(server, {**backup, "views": [{"title": "Mine", "position": 2}]}).changed == ["views Mine"]


@pytest.mark.parametrize("reference", ["view", "build_template"])
def test_a_template_that_names_what_is_not_there_is_told_before_anything_is_made(reference: str) -> None:
    server = Table()
    with fails_with("semaphore.unknown_name"):
        set_up(server, {**PROJECT, "templates": [{**PROJECT["templates"][0], reference: "gone"}]})
    assert server.written == []


@pytest.mark.parametrize("path", ["projects", "project/1/templates", "project/1/keys"])
def test_two_objects_of_one_name_on_the_server_are_told_and_neither_is_changed(path: str) -> None:
    server = Table()
    set_up(server)
    server.objects[path].append({**server.objects[path][-1], "id": 99})
    server.written.clear()
    with fails_with("semaphore.duplicate"):
        set_up(server, RENAMED)
    assert server.written == []


def test_a_server_that_is_too_old_for_a_field_is_not_changed_by_it_again_and_again() -> None:
    server = Table("environment_ids", "task_params")
    project = {**RENAMED, "templates": [{**RENAMED["templates"][0], "task_params": {"debug": True}}]}
    project["templates"][0]["vaults"] = [{"vault_key": "machines"}]
    set_up(server, project)
    assert set_up(server, project).changed == []


def test_a_key_that_is_empty_on_the_server_is_filled() -> None:
    server = Table()
    set_up(server)
    (key,) = (item for item in server.objects["project/1/keys"] if item["name"] == "machines")
    key.update(empty=True, ssh={})
    assert set_up(server).changed == ["keys machines"]
    (key,) = (item for item in server.objects["project/1/keys"] if item["name"] == "machines")
    assert (key["ssh"], key["override_secret"]) == (SECRETS["machines"]["ssh"], True)


def test_keys_are_replaced_when_that_is_asked_for() -> None:
    server = Table()
    set_up(server)
    server.objects["project/1/keys"][1]["ssh"] = {"private_key": "an old one"}
    assert set_up(server, replace_keys=True).changed == ["keys machines"]
    assert server.objects["project/1/keys"][1]["ssh"] == SECRETS["machines"]["ssh"]


def test_a_check_says_what_would_be_made_and_writes_nothing() -> None:
    server = Table()
    assert "templates deploy" in set_up(server, check=True).made
    assert server.written == []
    set_up(server)
    server.written.clear()
    changed = {**PROJECT, "templates": [*PROJECT["templates"], {**PROJECT["templates"][0], "name": "diff"}]}
    assert set_up(server, changed, check=True).made == ["templates diff"]
    assert server.written == []


def test_a_key_that_is_there_is_left_as_it_is() -> None:
    server = Table()
    set_up(server)
    server.objects["project/1/keys"][1]["ssh"] = {"private_key": "another"}
    server.written.clear()
    set_up(server)
    assert server.written == []


@pytest.mark.parametrize("check", [False, True])
def test_a_key_that_is_missing_and_that_nobody_says_is_named_before_anything_is_made(check: bool) -> None:
    server = Table()
    with fails_with("semaphore.unknown_name"):
        Setup(server, PROJECT, {}, check, replace_keys=False).run()
    assert server.written == []


def test_a_name_of_nothing_leaves_a_project_that_exists_as_it_is() -> None:
    server = Table()
    set_up(server)
    server.written.clear()
    schedule = {**PROJECT["schedules"][0], "name": "hourly", "template": "status"}
    with fails_with("semaphore.unknown_name"):
        set_up(server, {**PROJECT, "repositories": [], "environments": [], "schedules": [schedule]})
    assert server.written == []


QUESTION = {"name": "deploy_goal", "title": "Goal", "values": [{"name": "boot", "value": "boot"}]}
TOLD = {"required": False, "type": "", "description": "", "default_value": None}


@pytest.mark.parametrize(
    ("wanted", "there", "differ"),
    [
        pytest.param([QUESTION], [{**QUESTION, **TOLD}], False, id="a server tells what nobody set"),
        pytest.param([{**QUESTION, **TOLD}], [QUESTION], False, id="a server leaves out what is empty"),
        pytest.param([QUESTION], [{**QUESTION, "title": "Aim"}], True, id="another text"),
        pytest.param([QUESTION], [{**QUESTION, "values": []}], True, id="no choices"),
        pytest.param([QUESTION], [QUESTION, QUESTION], True, id="one more"),
        pytest.param([QUESTION, {**QUESTION, "name": "b"}], [{**QUESTION, "name": "b"}, QUESTION], True, id="order"),
        pytest.param({"allow_debug": True}, {"allow_debug": True, "limit": []}, False, id="an object with more"),
        pytest.param({"allow_debug": True}, {}, True, id="an object with less"),
        pytest.param({"allow_debug": False}, None, False, id="an object of what is empty"),
    ],
)
def test_what_a_server_adds_inside_a_field_is_no_difference(wanted: t.Any, there: t.Any, differ: bool) -> None:
    assert differs({"survey_vars": wanted}, {"survey_vars": there, "id": 3}) is differ


@pytest.mark.parametrize(
    ("part", "value", "fault"),
    [
        ("meta", None, "meta has no name"),
        ("keys", [{"name": "None"}], r"keys\[0\] has no type"),
        ("templates", [{"playbook": "deploy.yml"}], r"templates\[0\] has no name"),
        ("schedules", {"name": "nightly"}, "schedules is no list"),
        ("environments", ["Fleet"], r"environments\[0\] has no name"),
    ],
)
def test_what_is_no_project_is_refused_by_the_part_that_is_wrong(part: str, value: t.Any, fault: str) -> None:
    server = Table()
    with pytest.raises(NixError, match=fault):
        set_up(server, {**PROJECT, part: value})
    assert server.written == []
