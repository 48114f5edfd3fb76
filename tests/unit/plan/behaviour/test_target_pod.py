"""Tests how much memory a migration's target pod requests on each KubeVirt version."""

from __future__ import annotations

from fractions import Fraction

import pytest
from support.builders import make_kubevirt, make_vmi, q

from reconciler.model.live.capacity import Launcher, ResourceUse
from reconciler.model.live.live_state import Constraints
from reconciler.model.quantity import GIB, MIB
from reconciler.plan.behaviour.target_pod import (
    CONSOLE_LOG,
    Asked,
    Rendering,
    asked_after,
    compute,
    rendering_of,
    target_pod,
)
from reconciler.plan.behaviour.versions import capabilities_with

MI = MIB


def rendering(version, **settings):
    text = "v" + ".".join(map(str, version))
    return Rendering(capabilities=capabilities_with(text), **settings)


def vmi_with(requests=None, limits=None, guest="1Gi", **more):
    keys = {key: more.pop(key) for key in tuple(more) if key in Constraints.__dataclass_fields__}
    constraints = Constraints(
        architecture=keys.pop("architecture", "amd64"),
        requests=q(requests) if requests else None,
        limits=q(limits) if limits else None,
        **keys,
    )
    return make_vmi(guest=guest, constraints=constraints, **more)


# The label kubevirt.io/vmi-pod-memory-resource-requests, as recorded; each VM had one vCPU.
RECORDED = [
    ("1.3.1", "hotplug-succeeds", "2Gi", "2Gi", {}, 2294 * MI),
    ("1.3.1", "dedicated-cpu", "2Gi", "2Gi", {"dedicated_cpus": True}, 2394 * MI),
    ("1.3.1", "hugepages-2mi", "2Gi", "2Gi", {"hugepages": "2Mi"}, 2405433344),
    ("1.3.1", "slow-then-second-change", "3Gi", "4Gi", {}, 4557111297),
    ("1.6.3", "hotplug-succeeds", "2Gi", "2Gi", {}, 2320 * MI),
    ("1.6.3", "dedicated-cpu", "2Gi", "2Gi", {"dedicated_cpus": True}, 2420 * MI),
    ("1.6.3", "hugepages-2mi", "2Gi", "2Gi", {"hugepages": "2Mi"}, 2432696320),
    ("1.6.3", "gate-missing", "3Gi", "3Gi", {}, 3508535297),
    ("1.6.3", "slow-then-second-change", "3Gi", "4Gi", {}, 4584374273),
    ("1.9.0", "hotplug-succeeds", "2Gi", None, {}, 2316 * MI),
    ("1.9.0", "slow-then-second-change", "3Gi", None, {}, 3340 * MI),
    ("1.9.0", "dedicated-cpu", "2Gi", None, {"dedicated_cpus": True}, 2416 * MI),
    ("1.9.0", "hugepages-2mi", "2Gi", None, {"hugepages": "2Mi"}, 2316 * MI),
    ("1.9.0", "requests-memory-too", "2Gi", "2Gi", {}, 2320 * MI),
    ("1.9.0", "limits-memory-below", "2Gi", "2Gi", {"limits": "2560Mi"}, 2320 * MI),
]


@pytest.mark.parametrize(
    ("version", "situation", "guest", "requests", "more", "n_bytes"),
    RECORDED,
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_computed_memory_request_of_the_compute_container_equals_that_on_real_clusters(
    version, situation, guest, requests, more, n_bytes
):
    vmi = vmi_with(requests, guest=guest, **more)
    asked = Asked(
        requests=q(requests).n_bytes if requests else None,
        limits=q(more["limits"]).n_bytes if "limits" in more else None,
    )
    rendering = rendering_of(make_kubevirt(f"v{version}"))
    found = compute(vmi, q(guest).n_bytes, asked, rendering)
    assert found.request + found.hugepages == n_bytes


# KubeVirt v1.9.0 template.go:1633-1674 and hypervisorbackend.go:37-178, worked out by hand.
EXAMPLES = [
    pytest.param((1, 9, 0), 4, None, {}, 8484, id="8Gi, 4 vCPUs"),
    pytest.param((1, 6, 0), 4, "8Gi", {}, 8500, id="page tables counted up to v1.6"),
    pytest.param((1, 5, 0), 4, "8Gi", {}, 8484, id="smaller graphics"),
    pytest.param((1, 4, 0), 4, "8Gi", {}, 8474, id="smaller launcher overhead"),
    pytest.param((1, 1, 0), 1, "8Gi", {}, 8450, id="oldest version"),
    pytest.param((1, 9, 0), 1, None, {"graphics": False}, 8428, id="no graphics"),
    pytest.param((1, 9, 0), 1, None, {"architecture": "arm64"}, 8588, id="arm64"),
]


@pytest.mark.parametrize(("version", "vcpus", "requests", "more", "mebibytes"), EXAMPLES)
def test_memory_request_of_the_compute_container_follows_each_kubevirt_versions_formula(
    version, vcpus, requests, more, mebibytes
):
    vmi = vmi_with(requests, guest="8Gi", vcpus=vcpus, **more)
    asked = Asked(requests=q(requests).n_bytes if requests else None, limits=None)
    found = compute(vmi, 8 * GIB, asked, rendering(version))
    assert found.request + found.hugepages == mebibytes * MI


def test_memory_overhead_ratio_applies_to_dedicated_cpus_since_kubevirt_v1_6():
    vmi, nothing = vmi_with(dedicated_cpus=True), Asked(requests=None, limits=None)
    for version, mebibytes in (((1, 9, 0), (268 + 100) * 2), ((1, 5, 0), 252 * 2 + 100)):
        found = compute(vmi, GIB, nothing, rendering(version, ratio=Fraction(2)))
        assert found.overhead == mebibytes * MI


def test_cluster_memory_overcommit_applies_only_to_vms_without_memory_requests():
    doubled = rendering((1, 9, 0), overcommit=200)
    bare = compute(vmi_with(), 2 * GIB, Asked(requests=None, limits=None), doubled)
    own = compute(vmi_with("2Gi"), 2 * GIB, Asked(requests=2 * GIB, limits=None), doubled)
    assert (bare.request, own.request) == (1024 * MI + 268 * MI, 2048 * MI + 272 * MI)


# Source: kubevirt v1.9.0 vm.go:3522-3547; the first and the third row are recorded.
FOLLOWED = [
    pytest.param("1Gi", None, "2Gi", ("2Gi", None), id="requests grow with the guest"),
    pytest.param(None, None, "2Gi", (None, None), id="unset requests stay unset"),
    pytest.param("1Gi", "1536Mi", "2Gi", ("2Gi", "2560Mi"), id="limits grow with the guest"),
    pytest.param(
        "512Mi",
        "1536Mi",
        "2Gi",
        ("2Gi", "1536Mi"),
        id="limits stay unchanged if requests are raised",
    ),
    pytest.param("2Gi", None, "2Gi", ("3Gi", None), id="requests above the guest stay above it"),
    pytest.param(None, "2Gi", "3Gi", (None, "2Gi"), id="limits without requests stay unchanged"),
]


@pytest.mark.parametrize(("requests", "limits", "target", "after"), FOLLOWED)
def test_vm_memory_requests_and_limits_grow_with_the_guest_memory(requests, limits, target, after):
    found = asked_after(vmi_with(requests, limits), q(target).n_bytes)
    expected = tuple(q(each).n_bytes if each else None for each in after)
    assert (found.requests, found.limits) == expected


def test_vm_memory_requests_grow_by_the_difference_from_the_current_guest_size():
    # recorded v1.3.1 slow-then-second-change: spec 2Gi, guest 1Gi, requests 2Gi; then 3Gi.
    vmi = vmi_with("2Gi", guest="2Gi", guest_current=q("1Gi"))
    assert asked_after(vmi, 3 * GIB).requests == 4 * GIB


def launcher(memory: int, limit: int = 0) -> Launcher:
    return Launcher(
        namespace="db", node="node01", requests=ResourceUse(memory=memory), limit=limit
    )


def test_target_pod_memory_request_is_the_source_pod_request_plus_the_growth():
    sidecars = 777
    source = launcher(1024 * MI + 268 * MI + sidecars)
    found = target_pod(vmi_with(), q("2Gi"), rendering((1, 9, 0)), source)
    assert found.request == 2316 * MI + sidecars
    assert (found.hugepages, found.limit) == (0, None)


def test_target_pod_requests_less_memory_than_the_source_pod_if_the_vm_memory_is_reduced():
    source = launcher(2316 * MI)
    found = target_pod(vmi_with(guest="2Gi"), q("1Gi"), rendering((1, 9, 0)), source)
    assert found.request == (2316 - 1024) * MI


def test_target_pod_memory_limit_grows_with_the_vm_memory_limit_and_the_page_tables():
    source = launcher((1024 + 270) * MI, limit=(1536 + 270) * MI + 60_000_000)
    vmi = vmi_with("1Gi", "1536Mi")
    found = target_pod(vmi, q("2Gi"), rendering((1, 9, 0)), source)
    assert found.request == 2320 * MI
    assert found.limit == (2560 + 272) * MI + 60_000_000


def test_target_pod_of_a_vm_with_huge_pages_requests_ordinary_memory_only_for_overhead():
    source = launcher(268 * MI)
    vmi = vmi_with(hugepages="2Mi")
    found = target_pod(vmi, q("2Gi"), rendering((1, 9, 0)), source)
    assert (found.request, found.hugepages, found.page_size) == (268 * MI, 2 * GIB, "2Mi")


def test_target_pod_memory_request_follows_kubevirts_formula_if_the_source_pod_is_unknown():
    found = target_pod(vmi_with(), q("2Gi"), rendering((1, 9, 0)), None)
    assert found.request == 2316 * MI + CONSOLE_LOG


def test_target_pod_memory_request_includes_the_growth_of_page_tables():
    # 1.6.3: a guest of 1Gi requests 1024 + 270 Mi, 2Gi for 2048 + 272 Mi, both recorded.
    found = target_pod(vmi_with("1Gi"), q("2Gi"), rendering((1, 6, 3)), launcher(1294 * MI))
    assert found.request == 2320 * MI
