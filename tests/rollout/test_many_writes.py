"""Patches that are sent side by side keep to what a busy server asks for."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

from support.simulated import vm_yaml

NAMES = [f"vm-{number:02}" for number in range(40)]
BUSY = {
    "effect": "status",
    "code": 429,
    "retryAfter": "1s",
    "times": 12,
    "verbs": ["patch"],
    "resource": "virtualmachines",
}


def test_each_vm_is_patched_once_and_a_refused_patch_waits_as_long_as_it_is_told_to(
    serve, git, command
):
    git.commit({"vms.yaml": "".join(vm_yaml("default", name, "2Gi") for name in NAMES)})
    stopped = [{"name": name, "guest": "1Gi", "running": False} for name in NAMES]
    cluster = serve("halted", scale=1.0, vms=stopped, apiFaults=[BUSY])
    ended = command("apply", "--repo", git, "-o", "json", on=cluster)
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
