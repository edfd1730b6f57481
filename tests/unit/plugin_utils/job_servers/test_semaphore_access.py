# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of an address and a token before anybody is asked."""

from __future__ import annotations

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import SemaphoreError
from ansible_collections.nix.fleet.plugins.plugin_utils.job_servers.semaphore_access import Access

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
    with pytest.raises(
        SemaphoreError, match="is not the address of a server: https:// and its name are needed"
    ) as told:
        Access.of(url, "token")
    assert "https://semaphore.example" in str(told.value.advice)


@pytest.mark.parametrize("token", ["", " \n"])
def test_a_token_that_is_missing_is_told_as_such(token: str) -> None:
    with pytest.raises(SemaphoreError, match="there is no token for https://") as told:
        Access.of(URL, token)
    assert "SEMAPHORE_TOKEN" in str(told.value.advice)


def test_the_line_break_that_a_file_ends_with_is_no_part_of_a_token() -> None:
    assert Access.of(URL, "token=\n").token == "token="


@pytest.mark.parametrize("token", ["hunter2\nX-Other: header", "hunter2 hunter3", "hünter2"])
def test_what_is_no_token_is_not_told(token: str) -> None:
    with pytest.raises(SemaphoreError, match="the token is none") as told:
        Access.of(URL, token)
    assert "nter2" not in f"{told.value} {told.value.__cause__} {told.value.to_result()}"


@pytest.mark.parametrize("url", ["https://me:hunter2@semaphore.example", "me:hunter2@semaphore.example"])
def test_a_password_in_an_address_is_not_shown(url: str) -> None:
    with pytest.raises(SemaphoreError) as told:
        Access.of(url, "")
    assert "hunter2" not in str(told.value)
    assert "hunter2" not in Access.of("https://me:hunter2@semaphore.example", "token").shown("projects")
