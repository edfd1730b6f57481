# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run of Ansible has one name, whichever of its processes asks first."""

from __future__ import annotations

import multiprocessing
import os
import pathlib
import re
import time

import pytest
from ansible import constants

from ansible_collections.nix.fleet.plugins.plugin_utils.ansible.run import end_with_run, new_name, run_name


@pytest.fixture
def directory(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    return tmp_path


def test_all_processes_of_a_run_have_the_same_name(directory: pathlib.Path) -> None:
    with multiprocessing.get_context("fork").Pool(4) as workers:
        names = workers.starmap(run_name, [()] * 64)
    assert len(set(names)) == 1
    assert [path.name for path in directory.iterdir()] == ["nix.fleet-run"]


def test_another_run_has_another_name(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = set()
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path / str(number)))
        names.add(run_name())
    assert len(names) == 2


def test_a_name_says_when_it_was_given() -> None:
    assert re.fullmatch(r"20\d{6}T\d{6}Z-[0-9a-f]{8}", new_name())


def test_a_process_ends_where_the_run_that_it_works_for_was_killed(tmp_path: pathlib.Path) -> None:
    fork = multiprocessing.get_context("fork")

    def work() -> None:
        end_with_run()
        begun = os.getppid()
        (tmp_path / "begun").touch()
        while os.getppid() == begun:
            time.sleep(0.01)
        try:
            end_with_run()
        except SystemExit as end:
            (tmp_path / "ended").write_text(str(end))

    def be_a_run() -> None:
        fork.Process(target=work).start()
        time.sleep(60)

    run = fork.Process(target=be_a_run)
    run.start()
    wait_for(tmp_path / "begun")
    run.kill()
    wait_for(tmp_path / "ended")


def wait_for(file: pathlib.Path) -> None:
    deadline = time.monotonic() + 15
    while not file.exists():
        assert time.monotonic() < deadline, f"there is no {file.name}"
        time.sleep(0.01)
