"""CI jobs that comment on a pull request at the same time leave exactly one comment."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.fake_ports import FakeClock
from support.forges.fake_forge import TOKEN
from support.forges.forge_places import MARKER, STAMP

from reconciler.forge.forge_client import ForgeClient
from reconciler.forge.post_comment import Posted, post_comment

N_JOBS = 3
PATIENCE_S = 600


@pytest.mark.parametrize("attempt", range(3))
def test_parallel_ci_jobs_leave_exactly_one_pull_request_comment(place, attempt):
    """Each CI job lists the comments before any job creates a comment."""
    all_listed = threading.Barrier(N_JOBS)
    creating = place.line("create")

    def wait(received) -> None:
        if received.line == creating:
            all_listed.wait(PATIENCE_S)

    place.server.on_request = wait

    def job(number: int) -> object:
        headers = place.forge.headers(TOKEN)
        with ForgeClient(
            place.server.url, token=TOKEN, headers=headers, clock=FakeClock()
        ) as client:
            text = f"plan {attempt} of job {number}"
            return post_comment(client, place.forge, 7, marker=MARKER, stamp=STAMP, text=text)

    with ThreadPoolExecutor(N_JOBS) as jobs:
        results = list(jobs.map(job, range(N_JOBS)))
    assert results.count(Posted.CREATED) == 1
    (text,) = place.server.texts()
    assert text.startswith(f"{MARKER}\n{STAMP.line()}\nplan {attempt} of job ")
