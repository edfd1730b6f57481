# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever fails, at whatever moment: the machine ends on a whole system, the truth is told, and the next run recovers."""

from __future__ import annotations

import typing as t

import pytest

from . import remains
from .conftest import Ground
from .deployment import Ended
from .report import PROPERTY, Seen
from .row import Row
from .rows import configuration, controller, link, machine, nixos, pairs, platforms, state, supervisor
from .scene import Scene

PARTS = (link, controller, machine, configuration, state, supervisor, nixos, pairs, platforms)
ROWS: tuple[Row, ...] = tuple(row for part in PARTS for row in part.ROWS)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each row."""
    rows = [row for row in ROWS if row.representative or not metafunc.config.getoption("--representative")]
    metafunc.parametrize("row", rows, ids=[row.name for row in rows])


def test_a_fault_costs_no_machine(row: Row, scene: Scene, ground: Ground, record_property: Seen) -> None:
    told = {"order": ROWS.index(row), "fault": row.fault.name, "moment": row.moment.name, "machine": row.machines}
    told |= {"expectation": str(row.expectation), "seen": "nothing"}
    try:
        wrong = play(row, scene)
    finally:
        told["seen"] = ", ".join(scene.seen)
        record_property(PROPERTY, told)
    assert not wrong, "\n".join(wrong)
    ground.keep(row.host)


def play(row: Row, scene: Scene) -> list[str]:
    """Play a row and return what is not as expected."""
    wrong: list[str] = []
    machines = [scene.machine, *([scene.builder] if scene.builder else [])]
    before = {machine.name: remains.on(machine) for machine in machines}
    ended = hurt(row, scene)
    wrong += _compared(row, scene, ended)

    remains.end_sessions(scene.machine)
    wrong += remains.left_on_controller(scene.run, killed=row.fault.kills_run)
    for each in machines:
        wrong += remains.left_on(each, before[each.name], row.remains)

    wrong += _recovered(row, scene)
    row.fault.clean(scene)
    remains.end_sessions(scene.machine)
    for each in machines:
        wrong += [f"after the next deployment: {thing}" for thing in remains.left_on(each, before[each.name])]
    return wrong


def hurt(row: Row, scene: Scene) -> Ended:
    """Deploy, and have the fault strike at its moment."""
    fault, moment = row.fault, row.moment
    scene.configure(moment.module, fault.module)
    moment.prepare(scene)
    fault.prepare(scene)
    scene.old, scene.old_units = scene.machine.current_state(), scene.machine.failed_units()
    scene.run = scene.deploy(hold=moment.hold, **_variables(row), **moment.variables, **fault.variables)
    mended = False
    try:
        moment.reached(scene)
        fault.strike(scene)
        if not fault.keeps_out:
            moment.go(scene)
        if fault.meanwhile is not None:
            fault.meanwhile(scene)
            fault.mend(scene)
            mended = True
        return scene.run.ended()
    finally:
        moment.go(scene)
        if not mended:
            fault.mend(scene)
        scene.run.kill()


def _variables(row: Row) -> dict[str, t.Any]:
    return {"deploy_build_on": row.builder} if row.builder else {}


def _compared(row: Row, scene: Scene, ended: Ended) -> list[str]:
    """Return what is not as the row expects it."""
    expected = row.expectation
    wrong = []
    scene.wait_until_quiet()
    current_state = scene.machine.current_state()
    stands = "new" if current_state.mark == scene.token else "old" if current_state == scene.old else "neither"
    if expected.stands == "new after a reboot" and current_state.running == scene.old.running:
        scene.lab("reboot", scene.machine.name)
        current_state = scene.machine.current_state()
        stands = "new after a reboot" if current_state.mark == scene.token else "neither"
    told, outcome = ended.told(scene.machine.name), scene.outcome(ended)
    scene.seen += [
        f"{stands} system",
        "the run is gone" if told == "nothing" else told,
        *([outcome] if outcome else []),
    ]
    if not current_state.whole and current_state != scene.old:
        wrong.append(f"the machine is not whole: {current_state}")
    if stands != expected.stands:
        wrong.append(f"the machine stands on the {stands} system, not the {expected.stands} one: {current_state}")
    if told != expected.told:
        wrong.append(f"Ansible counts the host as {told}, not {expected.told}")
    if ended.rc not in expected.rc:
        wrong.append(f"the exit code is {ended.rc}, not {' or '.join(map(str, expected.rc))}")
    if outcome != expected.outcome:
        wrong.append(f"the outcome is told as {outcome}, not {expected.outcome}")
    wrong += [f"nothing is said of {text!r}" for text in expected.says if text not in ended.output]
    if "Traceback" in ended.output:
        wrong.append("there is a traceback")
    units = " ".join(sorted({*scene.machine.failed_units().split()} - {*scene.old_units.split()}))
    if units != expected.units:
        wrong.append(f"the units that have failed are {units or 'none'}, not {expected.units or 'none'}")
    if lock := scene.machine.lock():
        wrong.append(f"our lock is still there: {lock}")
    if not scene.machine.answers():
        wrong.append("the machine lets nobody in")
    row.extra(scene)
    wrong += scene.wrong
    return [*wrong, *([ended.output] if wrong else [])]


def _recovered(row: Row, scene: Scene) -> list[str]:
    """Deploy ordinarily, without the fault, and return what is wrong after that."""
    scene.configure(row.moment.module)
    again = scene.deploy(**_variables(row)).ended()
    if row.expectation.stands == "new after a reboot":
        # What wants one on the way there wants one on the way back.
        scene.lab("reboot", scene.machine.name)
    current_state = scene.machine.current_state()
    if again.rc == 0 and current_state.whole and current_state.mark == scene.token:
        return []
    return [f"the next deployment ends with {again.rc}, and then {current_state}", again.output]
