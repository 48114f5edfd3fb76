"""Tests VMs whose memory requests or limits differ from the size of the guest."""

from __future__ import annotations

import pytest
from support.builders import make_desired, make_live, make_vm, make_vmi, plan_of, q, want

from reconciler.model.live.live_state import Constraints


def decided(
    guest: str,
    *,
    requests: str | None,
    limits: str | None,
    vmi: str = "2Gi",
    bare: bool = False,
    **vm,
):
    resources = Constraints(
        requests=q(requests) if requests else None,
        limits=q(limits) if limits else None,
        overhead_left_out=bare,
    )
    live = make_live(
        make_vm(guest=vm.pop("spec", vmi), constraints=resources, **vm),
        vmis=(make_vmi(guest=vmi, max_guest="16Gi", constraints=resources),),
    )
    (decision,) = plan_of(make_desired(want(guest)), live).decisions
    return decision


def told(decision):
    return decision.effect.value, decision.reason.value


LIMITS = [
    # v1.9.0 vm.go:3522-3547: requests and limits grow by the same amount as the guest; if the
    # requests are raised to the size of the guest, limits do not grow
    pytest.param("2Gi", "2560Mi", "live", False, id="requests as the guest (limits-memory-below)"),
    pytest.param("3Gi", "3Gi", "live", False, id="requests above the guest"),
    pytest.param("1Gi", "3Gi", "blocked", False, id="raised above the limit"),
    pytest.param("1Gi", "4Gi", "live", True, id="raised to exactly the limit"),
    pytest.param("1Gi", "8Gi", "live", True, id="raised below the limit"),
    pytest.param("1Gi", None, "live", True, id="raised, without a limit"),
    # v1.9.0 vm.go:3522: without requests (v1.7 on, where the VM names none) nothing is raised
    pytest.param(None, "3Gi", "blocked", False, id="no requests: above the limit"),
    pytest.param(None, "4Gi", "live", False, id="no requests: exactly the limit"),
    pytest.param(None, None, "live", False, id="neither requests nor limits"),
]


@pytest.mark.parametrize(("requests", "limits", "effect", "warns"), LIMITS)
def test_hotplug_raises_memory_requests_but_does_not_change_the_memory_limit(
    requests, limits, effect, warns
):
    decision = decided("4Gi", requests=requests, limits=limits)
    assert decision.effect.value == effect
    assert decision.reason.value == ("limits-overcommit" if effect == "blocked" else "hotplug")
    assert any("ends the overcommit" in each for each in decision.warnings) is warns


def test_message_about_a_memory_request_above_the_limit_contains_both_values():
    decision = decided("4Gi", requests="1Gi", limits="3Gi")
    assert "requests 1Gi, less than the guest's 2Gi" in decision.why.message
    assert "raise the request to 4Gi and leave the limit at 3Gi" in decision.why.message
    assert "limits.memory of 4Gi or more" in decision.why.hint
    assert decision.actions == ()


def test_message_about_a_guest_size_above_the_memory_limit_contains_both_values():
    decision = decided("4Gi", requests=None, limits="3Gi")
    assert "a memory limit of 3Gi and no memory request" in decision.why.message
    assert "too small for a guest of 4Gi" in decision.why.message
    assert "limits.memory of 4Gi or more" in decision.why.hint
    assert decision.actions == ()


@pytest.mark.parametrize(
    ("requests", "guest", "reason"),
    [
        # v1.9.0 migration-target.go:1152-1208: the pod's request against overhead and requests
        ("2Gi", "4Gi", "overhead-overcommit"),
        # without requests, only the overhead is needed
        (None, "4Gi", "hotplug"),
        ("2Gi", "2Gi", "converged"),
    ],
)
def test_hotplug_is_blocked_if_the_pod_does_not_request_the_launcher_overhead(
    requests, guest, reason
):
    decision = decided(guest, requests=requests, limits=None, bare=True)
    assert decision.reason.value == reason


def test_change_back_to_the_running_guests_size_does_not_end_memory_overcommit():
    decision = decided("2Gi", requests="1Gi", limits="1536Mi", spec="4Gi")
    assert (told(decision), decision.warnings) == (("live", "back-to-running-value"), ())


@pytest.mark.parametrize(
    ("memory_present", "write"),
    [
        (False, {"op": "add", "path": "/domain/memory", "value": {"guest": "2Gi"}}),
        (True, {"op": "add", "path": "/domain/memory/guest", "value": "2Gi"}),
    ],
)
def test_guest_size_can_be_added_live_to_a_vm_that_has_only_memory_requests(memory_present, write):
    # v1.9.0 vm.go:3023-3028; tests/hotplug/memory.go:235ff
    decision = decided(
        "2Gi", requests="1Gi", limits=None, vmi="1Gi", spec=None, memory_present=memory_present
    )
    assert told(decision) == ("live", "hotplug")
    (action,) = decision.actions
    assert [op.plain() for op in action.patch] == [
        {"op": "test", "path": "/metadata/uid", "value": "uid-pg-0"},
        {"op": "test", "path": "/metadata/generation", "value": 1},
        write | {"path": f"/spec/template/spec{write['path']}"},
    ]


def test_new_guest_size_that_equals_the_memory_of_the_running_guest_needs_no_migration():
    decision = decided("1Gi", requests="1Gi", limits=None, vmi="1Gi", spec=None)
    assert told(decision) == ("live", "back-to-running-value")
