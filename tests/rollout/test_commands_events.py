"""Events that the server does not take cost a rollout nothing."""

from __future__ import annotations

from time import monotonic

import pytest
from support.simulated import vm_yaml

SHORT_OF_BREATH = {"effect": "status", "code": 429, "retryAfter": "40s", "resource": "events"}
MUTE = {"effect": "slow", "delay": "20m", "resource": "events"}


@pytest.mark.parametrize("fault", [SHORT_OF_BREATH, MUTE], ids=["429", "no answer"])
def test_patches_go_on_where_no_event_is_taken(fault, serve, git, command):
    vms = [f"vm-{number}" for number in range(4)]
    git.commit({"vms.yaml": "".join(vm_yaml("default", name, "2Gi") for name in vms)})
    sizes = [{"name": name, "guest": "1Gi"} for name in vms]
    cluster = serve("hotplug", vms=sizes, apiFaults=[fault])
    began = monotonic()
    ended = command("apply", "--repo", git, "-o", "json", on=cluster)
    assert monotonic() - began < 20
    assert [each["result"] for each in ended.json["outcomes"]] == ["done"] * 4
    assert len(cluster.ours("POST", "/events")) == 1
    assert "events are not recorded" in ended.err
