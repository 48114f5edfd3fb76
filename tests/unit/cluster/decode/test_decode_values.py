"""Tests that decoded objects share equal values in memory, but keep different values apart."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from reconciler.cluster.decode import spare_capacity, workloads
from reconciler.model.references import Uid

READY = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-23T00:40:29Z"}
LABELS = {"tier": "db", "app.kubernetes.io/name": "pg-0"}


def decoded(kind, *bodies):
    """Decode each object from its own list page, so that only equal values can be shared."""
    return [kind.page(json.dumps({"items": [each]}).encode()).values[0] for each in bodies]


def labelled(body):
    return body | {"metadata": body["metadata"] | {"labels": LABELS}}


def test_decoded_vmis_share_equal_values_in_memory(raw_vmi):
    bodies = [
        labelled(raw_vmi(name, conditions=[{**READY, "message": "guest of a fleet is ready"}]))
        for name in ("pg-0", "pg-1")
    ]
    one, two = decoded(workloads.VMIS, *bodies)
    assert (one.ref.name, two.ref.name) == ("pg-0", "pg-1")
    for name in ("constraints", "cpu", "node", "kernel", "guest_os", "phase", "guest_current"):
        assert getattr(one, name) is getattr(two, name), name
    assert one.conditions["Ready"] is two.conditions["Ready"]
    assert one.ref.namespace is two.ref.namespace
    assert one.labels["tier"] is two.labels["tier"]
    assert one.node_selector is two.node_selector


def test_decoded_vm_and_its_vmi_and_migration_share_one_vm_reference_object_in_memory(
    raw_vm, raw_vmi, raw_migration
):
    (vm,) = decoded(workloads.VMS, labelled(raw_vm()))
    (vmi,) = decoded(workloads.VMIS, raw_vmi())
    (migration,) = decoded(workloads.MIGRATIONS, raw_migration())
    assert vm.ref is vmi.ref is workloads.vm_of(migration)
    assert vm.labels["app.kubernetes.io/name"] is vm.ref.name


@pytest.mark.parametrize("sizes", [("1Gi", "1024Mi"), (1073741824, 1073741824.0)])
def test_decoded_memory_sizes_keep_their_notation_even_if_their_values_are_equal(sizes, raw_vm):
    bodies = []
    for size in sizes:
        body = raw_vm(guest=size)
        body["spec"]["template"]["spec"]["domain"]["resources"] = {"requests": {"memory": size}}
        bodies.append(body)
    for vm, size in zip(decoded(workloads.VMS, *bodies), sizes, strict=True):
        raw = str(size) if isinstance(size, float) else size
        assert (vm.guest.raw, vm.constraints.requests.raw) == (raw, raw)


def test_decoded_conditions_that_differ_in_one_field_are_separate_objects(raw_vmi):
    others = ({"status": "False"}, {"reason": "r"}, {"message": "m"}, {"lastTransitionTime": None})
    bodies = [raw_vmi(conditions=[{**READY, **each}]) for each in ({}, *others)]
    found = [each.conditions["Ready"] for each in decoded(workloads.VMIS, *bodies)]
    assert len({(c.status, c.reason, c.message, c.since) for c in found}) == 5


def test_decoded_vm_constraints_that_differ_in_one_field_are_separate_objects(raw_vmi):
    domains = (
        {"cpu": {"realtime": {}}},
        {"cpu": {"dedicatedCpuPlacement": True}},
        {"cpu": {"numa": {"guestMappingPassthrough": {}}}},
        {"launchSecurity": {}},
        {"resources": {"overcommitGuestOverhead": True}},
        {"memory": {"hugepages": {"pageSize": "2Mi"}}},
        {"resources": {"limits": {"memory": "1Gi"}}},
        {"resources": {"requests": {"memory": "1Gi"}}},
        {},
    )
    bodies = []
    for domain in domains:
        body = raw_vmi()
        body["spec"] = {"architecture": "amd64", "domain": domain}
        bodies.append(body)
    found = [each.constraints for each in decoded(workloads.VMIS, *bodies)]
    assert len(set(found)) == len(domains)


def kept_and_peak(kind, body: bytes) -> tuple[int, int]:
    """Return the memory of a decoded list page, and the peak during decoding, in bytes."""
    kind.page(body)
    tracemalloc.start()
    page = kind.page(body)
    found = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert page.values
    return found


def test_memory_per_decoded_vmi_is_small(raw_vmi):
    n = 400
    bodies = [
        labelled(raw_vmi(f"pg-{number}", conditions=[READY, READY | {"type": "AgentConnected"}]))
        for number in range(n)
    ]
    kept, _ = kept_and_peak(workloads.VMIS, json.dumps({"items": bodies}).encode())
    # Each object has its own slots, uid and two mappings; their keys and values are shared.
    assert kept < n * 800


def test_pods_of_a_list_page_are_decoded_one_at_a_time():
    n = 400
    requests = {"memory": "1Gi", **{f"example.com/device-{number}": "1" for number in range(40)}}
    pods = [
        {
            "metadata": {
                "name": f"p{number}",
                "namespace": "db",
                "labels": {"kubevirt.io/created-by": f"vmi-{number}"},
            },
            "spec": {"containers": [{"resources": {"requests": requests}}]},
            "status": {"phase": "Running"},
        }
        for number in range(n)
    ]
    body = json.dumps({"items": pods}).encode()
    kept, peak = kept_and_peak(spare_capacity.PODS, body)
    assert spare_capacity.PODS.page(body).values[7].instance == Uid("vmi-7")
    assert peak < kept + n * 150
