"""Tests the rules for memory hotplug, the overhead of launcher pods, and quantities."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.simulator.kubevirt import quantity
from reconciler.simulator.kubevirt.cluster_config import read_config
from reconciler.simulator.kubevirt.rules import memory_hotplug, memory_overhead
from reconciler.simulator.kubevirt.versions import behaviour

GI = 1024**3
MI = 1024**2


def domain(guest="2Gi", **parts):
    sizes = {} if guest is None else {"guest": guest}
    return {"memory": {**sizes, **parts.pop("memory", {})}, **parts}


@pytest.mark.parametrize(
    ("given_domain", "architecture", "max_guest", "message"),
    [
        # v1.9.0 pkg/liveupdate/memory/memory.go:53-107, in its order
        (domain(cpu={"realtime": {}}), "amd64", 4 * GI, "not compatible with realtime VMs"),
        (
            domain(cpu={"numa": {"guestMappingPassthrough": {}}}),
            "amd64",
            4 * GI,
            "not compatible with guest mapping passthrough",
        ),
        (domain(launchSecurity={"sev": {}}), "amd64", 4 * GI, "not compatible with encrypted VMs"),
        (domain(None), "amd64", 4 * GI, "Guest memory must be configured"),
        (domain(), "amd64", None, "Max guest memory must be configured"),
        (domain("5Gi"), "amd64", 4 * GI, "greater than the configured maxGuest memory"),
        (domain("1500001Ki"), "amd64", 4 * GI, "Guest memory must be 2Mi aligned"),
        (domain("4G"), "amd64", 4 * GI, "Guest memory must be 2Mi aligned"),
        (domain(), "amd64", 4 * GI + 1024, "MaxGuest must be 2Mi aligned"),
        (
            domain("1536Mi", memory={"hugepages": {"pageSize": "1Gi"}}),
            "amd64",
            4 * GI,
            "Guest memory must be 1Gi aligned",
        ),
        (domain(), "s390x", 4 * GI, "only available for x86_64 VMs"),
        (domain("512Mi"), "amd64", 4 * GI, "at least 1Gi of guest memory"),
        (domain("5Gi", cpu={"realtime": {}}), "s390x", 4 * GI, "realtime"),
    ],
)
def test_error_message_of_a_rejected_hotplug_is_determined_by_the_first_violated_rule(
    given_domain, architecture, max_guest, message
):
    refused = memory_hotplug.hotplug_refusal(
        given_domain, architecture, max_guest, behaviour("v1.9.0")
    )
    assert message in refused


@pytest.mark.parametrize("guest", ["1Gi", "2Gi", "4Gi", "1026Mi"])
def test_aligned_memory_size_up_to_max_guest_can_be_hotplugged(guest):
    assert (
        memory_hotplug.hotplug_refusal(domain(guest), "amd64", 4 * GI, behaviour("v1.9.0")) is None
    )


@pytest.mark.parametrize(
    ("version", "given_domain", "allowed"),
    [
        ("v1.2.1", domain(cpu={"dedicatedCpuPlacement": True}), False),
        ("v1.3.0", domain(cpu={"dedicatedCpuPlacement": True}), True),
        ("v1.2.1", domain(memory={"hugepages": {"pageSize": "2Mi"}}), False),
        ("v1.3.0", domain(memory={"hugepages": {"pageSize": "2Mi"}}), True),
        ("v1.2.0", domain(resources={"limits": {"memory": "4Gi"}}), False),
        ("v1.2.1", domain(resources={"limits": {"memory": "4Gi"}}), True),
        ("v1.3.0", domain("512Mi"), True),
        ("v1.3.1", domain("512Mi"), False),
    ],
)
def test_hotplug_rules_depend_on_the_kubevirt_version(version, given_domain, allowed):
    refused = memory_hotplug.hotplug_refusal(given_domain, "amd64", 4 * GI, behaviour(version))
    assert (refused is None) is allowed


@pytest.mark.parametrize(
    ("guest", "own", "cluster", "expected"),
    [
        ("1Gi", None, None, 4 * GI),
        ("1Gi", "2Gi", 8 * GI, 2 * GI),
        ("1Gi", None, 8 * GI, 8 * GI),
        ("4Gi", None, 2 * GI, None),
        ("512Mi", None, None, None),
        ("1Gi", None, 3 * GI + 1, None),
    ],
    ids=["ratio", "own", "cluster", "cluster-below-guest", "small-guest", "cluster-misaligned"],
)
def test_starting_vmi_gets_a_max_guest(guest, own, cluster, expected):
    sizes = {} if own is None else {"maxGuest": own}
    found = memory_hotplug.start_max_guest(
        domain(guest, memory=sizes),
        "amd64",
        cluster_max_guest=cluster,
        ratio=4,
        behaviour=behaviour("v1.9.0"),
    )
    assert found == expected


@pytest.mark.parametrize(
    ("requests", "limits", "target", "current", "expected"),
    [
        # recorded on v1.9.0: limits-memory-below
        ("1Gi", "1536Mi", 2 * GI, GI, (2 * GI, 2560 * MI)),
        # recorded on v1.6.3: slow-then-second-change (the guest still had 1Gi)
        ("2Gi", None, 3 * GI, GI, (4 * GI, None)),
        # v1.9.0 vm.go:3526-3547: raised requests leave the limits unchanged
        ("512Mi", "2Gi", 2 * GI, GI, (2 * GI, 2 * GI)),
        (None, "2Gi", 2 * GI, GI, (None, None)),
        ("2Gi", None, GI, 2 * GI, (GI, None)),
    ],
)
def test_memory_requests_and_limits_grow_with_the_guest(
    requests, limits, target, current, expected
):
    resources = {
        kind: {"memory": value}
        for kind, value in (("requests", requests), ("limits", limits))
        if value is not None
    }
    change = memory_hotplug.resource_change(
        domain(resources=resources), target=target, current=current
    )
    assert (change.requests, change.limits) == expected


@pytest.mark.parametrize(
    ("version", "guest", "cpu", "requests", "expected_mi"),
    [
        # the label vmi-pod-memory-resource-requests, as recorded
        ("v1.3.1", "2Gi", {}, "2Gi", 2294),
        ("v1.6.3", "2Gi", {}, "2Gi", 2320),
        ("v1.9.0", "2Gi", {}, None, 2316),
        ("v1.9.0", "2Gi", {"dedicatedCpuPlacement": True}, None, 2416),
        ("v1.9.0", "2Gi", {}, "2Gi", 2320),
        # v1.9.0 with four virtual CPUs, by the code
        ("v1.9.0", "8Gi", {"sockets": 4}, None, 8484),
        ("v1.6.0", "8Gi", {"sockets": 4}, "8Gi", 8500),
    ],
)
def test_launcher_pod_requests_the_guest_memory_and_the_overhead(
    version, guest, cpu, requests, expected_mi
):
    asked = {} if requests is None else {"requests": {"memory": requests}}
    vmi = {"spec": {"domain": domain(guest, cpu=cpu, resources=asked), "architecture": "amd64"}}
    found = memory_overhead.pod_memory(vmi, read_config({}, behaviour(version)))
    assert found.total // MI == expected_mi


def test_memory_overhead_of_an_arm_guest_includes_its_firmware():
    arm, amd = (
        {"spec": {"domain": domain(resources={}), "architecture": architecture}}
        for architecture in ("arm64", "amd64")
    )
    config = read_config({}, behaviour("v1.9.0"))
    more = memory_overhead.memory_overhead(arm, config) - memory_overhead.memory_overhead(
        amd, config
    )
    assert more == 128 * MI


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("1024Mi", "1Gi"),
        ("2048Mi", "2Gi"),
        ("1500001Ki", "1500001Ki"),
        ("0.5Gi", "512Mi"),
        ("4000M", "4G"),
        (2147483648, "2147483648"),
        ("1e3", "1e3"),
        ("1.5G", "1500M"),
        ("0", "0"),
    ],
)
def test_quantities_are_stored_in_canonical_form(text, stored):
    assert quantity.canonical(text) == stored


@given(st.integers(min_value=0, max_value=2**60))
def test_binary_notation_of_a_quantity_keeps_its_value(n_bytes):
    assert quantity.parse(quantity.binary(n_bytes)) == n_bytes


@given(
    st.integers(min_value=0, max_value=10**9),
    st.sampled_from(["", "k", "M", "G", "Ki", "Mi", "Gi", "e3", "E2"]),
)
def test_canonical_form_of_a_quantity_keeps_its_value(number, suffix):
    text = f"{number}{suffix}"
    assert quantity.parse(quantity.canonical(text)) == quantity.parse(text)


@pytest.mark.parametrize("text", ["2GB", "", "Gi", "1 Gi", "0x10", "1..5", "--1"])
def test_invalid_quantity_causes_an_error(text):
    with pytest.raises(quantity.QuantityError):
        quantity.parse(text)
