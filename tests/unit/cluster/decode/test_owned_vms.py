"""Tests how the owner and the deployment tool of a VM are found in its metadata."""

from __future__ import annotations

import json

import pytest

from reconciler.cluster.decode import workloads


@pytest.fixture
def decoded(raw_vm):
    def decode(**metadata):
        body = raw_vm("vm")
        body["metadata"] |= metadata
        return workloads.VMS.one(json.dumps(body).encode())

    return decode


def owner(kind, name="x", **more):
    return {"kind": kind, "name": name, "uid": "u", "apiVersion": "v1", **more}


@pytest.mark.parametrize(
    ("references", "labels", "expected"),
    [
        ([owner("KubevirtMachine", "worker-0", controller=True)], {}, "KubevirtMachine/worker-0"),
        ([owner("Backup")], {}, ""),
        ([owner("VirtualMachinePool", controller=True)], {}, ""),
        (
            [],
            {"harvesterhci.io/creator": "docker-machine-driver-harvester"},
            "Rancher's node driver/vm",
        ),
        ([], {"harvesterhci.io/creator": "harvester"}, ""),
    ],
)
def test_controller_of_a_vm_is_decoded_from_owner_references_or_labels(
    decoded, references, labels, expected
):
    assert decoded(ownerReferences=references, labels=labels).controller == expected


@pytest.mark.parametrize(
    ("labels", "annotations", "expected"),
    [
        ({"kustomize.toolkit.fluxcd.io/name": "apps"}, {}, "Flux Kustomization apps"),
        ({"helm.toolkit.fluxcd.io/name": "vms"}, {}, "Flux HelmRelease vms"),
        ({}, {"argocd.argoproj.io/tracking-id": "app:kubevirt.io/VM:ns/vm"}, "Argo CD app"),
        ({}, {"meta.helm.sh/release-name": "vms"}, "Helm vms"),
        # An annotation may have 256 kB.
        (
            {},
            {"meta.helm.sh/release-name": "v" * 9000},
            f"Helm {'v' * 60}… (9000 characters)",
        ),
        ({"app.kubernetes.io/managed-by": "Helm"}, {}, "Helm"),
        ({"kapp.k14s.io/app": "1"}, {}, "kapp 1"),
        ({"app.kubernetes.io/managed-by": "me"}, {}, ""),
    ],
)
def test_tool_that_applies_a_vm_is_identified_by_labels_and_annotations(
    decoded, labels, annotations, expected
):
    assert decoded(labels=labels, annotations=annotations).tracked_by == expected


@pytest.mark.parametrize(
    ("annotations", "hotplug", "reserved"),
    [
        ({"harvesterhci.io/enableCPUAndMemoryHotplug": "True"}, True, None),
        ({"harvesterhci.io/enableCPUAndMemoryHotplug": "false"}, False, None),
        ({"harvesterhci.io/reservedMemory": "256Mi"}, False, "256Mi"),
        ({}, False, None),
    ],
)
def test_harvester_annotations_of_a_vm_are_decoded(decoded, annotations, hotplug, reserved):
    vm = decoded(annotations=annotations)
    assert vm.harvester_hotplug is hotplug
    assert (vm.harvester_reserved and vm.harvester_reserved.raw) == reserved
