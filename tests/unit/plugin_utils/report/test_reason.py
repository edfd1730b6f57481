# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why an activation failed is what every report shows, and not what the machine said on its way back."""

from __future__ import annotations

import datetime
import html
import json

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.answer import parse_answer
from ansible_collections.nix.fleet.plugins.plugin_utils.activation.ending import failure
from ansible_collections.nix.fleet.plugins.plugin_utils.report.document import document
from ansible_collections.nix.fleet.plugins.plugin_utils.report.events import TaskEvent
from ansible_collections.nix.fleet.plugins.plugin_utils.report.markdown import markdown
from ansible_collections.nix.fleet.plugins.plugin_utils.report.page import page
from ansible_collections.nix.fleet.plugins.plugin_utils.report.records import records
from ansible_collections.nix.fleet.plugins.plugin_utils.report.run import Run
from ansible_collections.nix.fleet.plugins.plugin_utils.report.stages import stages
from ansible_collections.nix.fleet.plugins.plugin_utils.report.summary import summary

WHY = "Existing file '/home/alice/.profile' would be clobbered"
BACK = [f"log=on the way back {number}" for number in range(100)]
ANSWER = parse_answer(
    "\n".join(
        [
            "outcome=rolled_back",
            f"cause=activation ended with exit code 1: {WHY}",
            "said=Activating checkLinkTargets",
            f"said={WHY}",
            "log=== platform_activate",
            f"log={WHY}",
            "log=== way_back_restore_profile",
            *BACK,
        ]
    )
)
EVENTS = [
    TaskEvent("desk", "nix_activate", "started", 0.0),
    TaskEvent("desk", "nix_activate", "failed", 1.0, failure("x", ANSWER).to_result(), task="Activate"),
]
RUN = Run("run", ("deploy.yml",), datetime.datetime(2026, 1, 31, tzinfo=datetime.timezone.utc), 1.0)


@pytest.mark.parametrize("form", ["table", "markdown", "json", "page"])
def test_the_words_of_the_failed_step_are_shown_and_the_way_back_is_not(form: str) -> None:
    hosts = records(EVENTS)
    text = {
        "table": lambda: "\n".join(line.text for line in summary(hosts, 120, 1.0)),
        "markdown": lambda: markdown(RUN, hosts),
        "json": lambda: json.dumps(document(RUN, hosts, stages(EVENTS))),
        "page": lambda: page(RUN, hosts),
    }[form]()
    assert html.unescape(text).count(WHY) >= 2
    assert "way back" not in text
    assert "way_back" not in text


def test_what_an_activation_warned_of_is_in_the_report_for_programs() -> None:
    result = {"changed": True, "outcome": "activated", "warnings": ["desk: take care"]}
    events = [TaskEvent("desk", "nix_activate", "ok", 1.0, result)]
    (host,) = document(RUN, records(events), stages(events))["hosts"]
    assert host["stages"][0]["result"]["warnings"] == ["desk: take care"]
