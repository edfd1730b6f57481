# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever another machine says, it is understood, or refused by an error with a name."""

from __future__ import annotations

import json
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.answer import OUTCOMES, parse_answer
from ansible_collections.nix.fleet.plugins.plugin_utils.activation.info import parse_info
from ansible_collections.nix.fleet.plugins.plugin_utils.ansible.shell import ConnectionShell, unframed
from ansible_collections.nix.fleet.plugins.plugin_utils.build.build import parse_outputs
from ansible_collections.nix.fleet.plugins.plugin_utils.copy.copying import CopyLog
from ansible_collections.nix.fleet.plugins.plugin_utils.copy.store_socket import PATH, Login, open_store_socket
from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import (
    CAUSE_CHARACTERS,
    BuildError,
    CopyError,
    NixError,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.core.process import Completed
from ansible_collections.nix.fleet.plugins.plugin_utils.gc.collection import parse_collection, predicted
from ansible_collections.nix.fleet.plugins.plugin_utils.gc.plan import Policy, parse_survey, plan_of
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.log import PREFIX, NixLog
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.source import Snapshot
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.store import is_store_path, parse_path_sizes
from ansible_collections.nix.fleet.plugins.plugin_utils.report.events import TaskEvent
from ansible_collections.nix.fleet.plugins.plugin_utils.report.records import records
from ansible_collections.nix.fleet.plugins.plugin_utils.report.summary import summary

from .values import data, texts

INFO_KEYS = (
    "user login_user host boot_id nix_version system trusted store_free_kib store_total_kib platform profile default"
    " generation generations current_system booted_system specialisation lock_id lock_who lock_alive interrupted journal"
).split()
COLLECTION_KEYS = (
    "outcome cause platform profile generation boot_menu root now space excess garbage_paths garbage_bytes deleted"
    " collected removed_root before after failed complete log"
).split()
DEEP = "[" * 100_000
EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "action": st.sampled_from(["msg", "result", "start", "stop"]) | data,
        "id": st.integers(0, 3) | data,
        "type": st.sampled_from([100, 101, 104, 105, 107, 108]) | data,
        "level": st.integers(0, 3) | data,
        "msg": texts | data,
        "raw_msg": texts | data,
        "fields": st.lists(texts | st.integers(), max_size=4) | data,
    },
)
ANSWERS = st.lists(texts | data.map(json.dumps), max_size=6).map("\n".join)


class Machine:
    """Answers everything in the same way."""

    host = "vps-1"

    def __init__(self, stdout: str, rc: int = 0) -> None:
        self._answer = Completed(("sh",), rc, stdout, stdout)

    def run(self, script: str, *arguments: str) -> Completed:
        del script, arguments
        return self._answer


@given(lines=st.lists(EVENTS.map(lambda event: PREFIX + json.dumps(event)) | texts, max_size=20))
def test_any_log_of_nix_is_read_to_its_end(lines: list[str]) -> None:
    for log in (NixLog(), CopyLog()):
        for line in lines:
            log.read(line)
        assert isinstance(log.text, str)
        assert isinstance(log.cause, (str, type(None)))
        assert log.builds_expected >= 0
        for failed in log.failed:
            assert isinstance(failed.reason, str)


@given(text=ANSWERS)
@pytest.mark.parametrize(
    "wrap", ["{}", "[{}]", '[{{"outputs": {}}}]', '[{{"path": {}}}]', '[{{"drvPath": {}, "path": 1}}]']
)
def test_outputs_are_store_paths_or_an_error(wrap: str, text: str) -> None:
    try:
        outputs = parse_outputs(wrap.format(text))
    except BuildError:
        return
    assert outputs
    assert all(path == "" or is_store_path(path) for output in outputs for path in output.paths.values())


@given(text=ANSWERS)
def test_sizes_are_of_store_paths_or_an_error(text: str) -> None:
    try:
        sizes = parse_path_sizes(text)
    except NixError as error:
        assert "\x1b" not in str(error)
        return
    assert all(is_store_path(info.path) for info in sizes)


@given(text=ANSWERS)
def test_a_revision_is_text_or_an_error(text: str) -> None:
    try:
        snapshot = Snapshot.from_json(text)
    except ValueError:
        return
    assert isinstance(snapshot.revision, (str, type(None)))


@pytest.mark.parametrize("read", [parse_outputs, Snapshot.from_json])
def test_what_is_nested_without_end_is_refused(read: t.Callable[[str], t.Any]) -> None:
    with pytest.raises((BuildError, ValueError)):
        read(DEEP)


@given(text=ANSWERS, rc=st.integers(0, 255))
@pytest.mark.parametrize("wrap", ["{}", "socket {}", "socket /run/x\nkeepalive {}"])
def test_a_store_socket_is_at_a_plain_path_or_an_error(wrap: str, text: str, rc: int) -> None:
    machine = Machine(wrap.format(text), rc)
    try:
        opened = open_store_socket(machine, private=True, escalation=None, timeout=60)
    except CopyError as error:
        assert error.host == "vps-1"
        return
    assert PATH.fullmatch(opened.path)
    assert opened.keepalive is None or PATH.fullmatch(opened.keepalive)


@given(text=ANSWERS)
def test_a_login_has_a_plain_name_or_is_an_error(text: str) -> None:
    try:
        login = Login.of(Machine(text))
    except CopyError:
        return
    assert login.uid.isdecimal()
    assert not login.name.startswith("-")


@given(text=st.text(), marker=st.just("nix.fleet-0123456789abcdef"))
def test_an_answer_in_any_frame_is_one_or_none(text: str, marker: str) -> None:
    unframed(text, marker)
    unframed(f"{marker} begin\n{text}\n{marker} end 0\n", marker)
    unframed(f"{marker} begin\n{text}\n{marker} end {text}\n", marker)


@given(stdout=texts, stderr=texts)
def test_a_machine_that_does_not_answer_in_a_frame_is_an_error(stdout: str, stderr: str) -> None:
    shell = ConnectionShell("vps-1", lambda _command, _data: {"rc": 0, "stdout": stdout, "stderr": stderr})
    with pytest.raises(NixError, match="vps-1") as caught:
        shell.run("true")
    assert "\x1b" not in str(caught.value)


@given(cause=texts, log=texts)
def test_an_error_is_short_and_obeyed_by_no_terminal(cause: str, log: str) -> None:
    error = NixError(cause * 100, code="failed", host="vps-1", log=log * 100, advice=cause)
    text = str(error)
    assert len(text) < 10 * CAUSE_CHARACTERS + 100_000
    assert not {character for character in text if not character.isprintable() and character not in "\n\t"} - set(
        "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000\u1680"
    )


@given(text=texts, status=st.sampled_from(["ok", "failed", "unreachable"]))
def test_no_text_of_a_result_reaches_the_terminal_as_an_order(text: str, status: t.Any) -> None:
    result = {"msg": text, "cause": text, "log": text, "advice": text, "units_failed": [text], "platform": text}
    for module in ("nix_activate", "nix_info", ""):
        lines = summary(records([TaskEvent("vps-1", module, status, 0.0, result)]), 100, 1.0)
        for line in lines:
            assert "\x1b" not in line.text
            assert "\n" not in line.text


JOURNALS = st.dictionaries(
    st.sampled_from("outcome from to units_failed exit_code status seconds id run user".split()), data, max_size=10
).map(json.dumps)


@given(
    lines=st.lists(
        texts | st.tuples(st.sampled_from(["journal", "outcome", "entry", "warning"]), texts | JOURNALS).map("=".join)
    )
)
def test_any_answer_to_an_activation_has_an_outcome(lines: list[str]) -> None:
    answer = parse_answer("\n".join(lines))
    assert answer.outcome in OUTCOMES
    json.dumps(answer.to_result())


@given(lines=st.lists(st.tuples(st.sampled_from(INFO_KEYS), texts | JOURNALS).map("=".join), max_size=12))
def test_any_description_of_a_machine_can_be_shown(lines: list[str]) -> None:
    facts = parse_info("\n".join(lines))
    json.dumps(facts)
    for line in summary(records([TaskEvent("vps-1", "nix_info", "ok", 0.0, facts)]), 100, 1.0):
        assert "\x1b" not in line.text
        assert "\n" not in line.text


@given(lines=st.lists(st.tuples(st.sampled_from(COLLECTION_KEYS), texts).map("=".join), max_size=12))
def test_any_answer_to_a_collection_can_be_shown_or_is_an_error(lines: list[str]) -> None:
    survey = parse_survey("\n".join(lines))
    plan = plan_of(survey, Policy(keep_generations=1, keep_for="1d", known_hosts=("vps-1",)))
    json.dumps(predicted(survey, plan).to_result())
    try:
        json.dumps(parse_collection("\n".join(lines), plan).to_result())
    except NixError as error:
        json.dumps(error.to_result())
