"""Parallel patches respect the Retry-After header of a busy API server."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

from support.simulated import vm_yaml

from reconciler.app.execution.execute_plan import PARALLEL_WRITES

NAMES = [f"vm-{number:02}" for number in range(40)]
BUSY = {
    "effect": "status",
    "code": 429,
    "retryAfter": "1s",
    "times": 12,
    "verbs": ["patch"],
    "resource": "virtualmachines",
}


SLOW = {"effect": "slow", "delay": "1s", "verbs": ["patch"], "resource": "virtualmachines"}
"""A fault that delays each patch by a second, so that patches run in parallel."""


def changed(serve, git, *faults):
    git.commit({"vms.yaml": "".join(vm_yaml("default", name, "2Gi") for name in NAMES)})
    stopped = [{"name": name, "guest": "1Gi", "running": False} for name in NAMES]
    return serve("halted", scale=1.0, vms=stopped, apiFaults=list(faults))


def test_throttled_parallel_patches_are_retried_after_the_time_in_the_retry_after_header(
    serve, git, command
):
    cluster = changed(serve, git, BUSY)
    ended = command("apply", "--yes", "--repo", git, "-o", "json", on=cluster)
    assert ended.code == 0
    assert {each["result"] for each in ended.json["outcomes"]} == {"done"}
    answers = defaultdict(list)
    for each in cluster.ours("PATCH", "/virtualmachines/"):
        answers[each.path].append(each)
    assert len(answers) == len(NAMES)
    assert [path for path, each in answers.items() if each[-1].status != 200] == []
    refused = [each for each in answers.values() if each[0].status == 429]
    assert refused
    assert sum(len(each) for each in answers.values()) == len(NAMES) + BUSY["times"]
    for each in refused:
        for earlier, later in pairwise(each):
            assert (later.at - earlier.at).total_seconds() >= 1


def test_throttled_patch_pauses_all_writes_and_parallel_writes_resume_afterwards(
    serve, git, command
):
    cluster = changed(serve, git, BUSY, SLOW)
    assert command("apply", "--yes", "--repo", git, on=cluster).code == 0
    sent = cluster.ours("PATCH", "/virtualmachines/")
    turned_away = [each.at for each in sent if each.status == 429]
    pause = [each for each in sent if 0 <= (each.at - turned_away[0]).total_seconds() < 1]
    assert len(pause) <= PARALLEL_WRITES, "only the patches that were already in flight"
    taken = [each.at for each in sent if each.at > turned_away[-1]]
    together = [sum(0 <= (each - one).total_seconds() < 1 for each in taken) for one in taken]
    assert max(together) == PARALLEL_WRITES
