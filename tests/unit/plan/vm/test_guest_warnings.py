"""Tests the warnings about guests, and about tools that overwrite the memory size."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import (
    condition,
    make_desired,
    make_kubevirt,
    make_live,
    make_vm,
    make_vmi,
    plan_of,
    q,
    want,
)

from reconciler.model.desired.config import RestartConsent


def warned(guest="2Gi", *, vm=None, version="v1.9.0", policy=None, **vmi):
    live = make_live(
        vm or make_vm(), vmis=(replace(make_vmi(), **vmi),), kubevirt=make_kubevirt(version)
    )
    (decision,) = plan_of(make_desired(want(guest)), live, **(policy or {})).decisions
    return " / ".join(decision.warnings)


@pytest.mark.parametrize(
    ("kernel", "old"),
    [
        # Linux has virtio-mem since 5.8: kubevirt issue 14095
        ("4.18.0-553.el8", True),
        ("4.9.1", True),
        ("5.7.19", True),
        ("5.8.0", False),
        ("5.14.0-427.el9", False),
        ("6.1.0-13-amd64", False),
        ("", False),
        ("unknown", False),
    ],
)
def test_guest_kernel_without_virtio_mem_causes_a_warning(kernel, old):
    assert ("older than 5.8" in warned(kernel=kernel)) is old


def test_windows_guest_causes_a_warning_about_its_driver_and_not_about_its_kernel():
    found = warned(guest_os="mswindows", kernel="4.0")
    assert "viomem driver" in found
    assert "older than 5.8" not in found
    assert "viomem" not in warned(guest_os="fedora")


def test_memory_change_of_a_paused_vm_causes_a_warning():
    conditions = {"LiveMigratable": condition("True"), "Paused": condition("True")}
    assert "after the VM is resumed" in warned(conditions=conditions)
    assert warned() == ""


@pytest.mark.parametrize(
    ("manager", "reverts"),
    [("argocd-controller", True), ("kubectl", False), ("reconciler", False), ("", False)],
)
def test_field_manager_that_will_revert_the_memory_size_causes_a_warning(manager, reverts):
    found = warned(vm=make_vm(guest_manager=manager))
    assert (f"the field manager {manager} wrote the guest size last" in found) is reverts


@pytest.mark.parametrize(
    ("mark", "rule"),
    [
        ("Argo CD apps", "argocd-cm.yaml"),
        ("Flux Kustomization apps", "flux-kustomization.yaml"),
        ("Flux HelmRelease vms", "flux-helmrelease.yaml"),
        ("kapp 1", "kapp-config.yaml"),
        ("Helm vms", ""),
        ("Helm", ""),
    ],
)
def test_label_of_a_gitops_tool_on_a_vm_causes_a_warning_that_the_tool_might_revert_changes(
    mark, rule
):
    found = warned(vm=make_vm(tracked_by=mark, guest_manager="kubectl-create"))
    assert found.startswith(
        f"the labels or annotations of this object show that {mark} applies it"
    )
    assert "managedFields do not show" in found
    assert (
        "set the same value in the source that this tool applies"
        if not rule
        else f"examples/interop/{rule}"
    ) in found


@pytest.mark.parametrize(
    ("manager", "mark", "words"),
    [
        # managedFields are certain, so the label adds only the tool's name.
        (
            "kustomize-controller",
            "Flux Kustomization apps",
            "the field manager kustomize-controller (Flux",
        ),
        # The tool has not written the size back since our last write.
        ("reconciler", "Flux Kustomization apps", ""),
        ("kubectl", "", ""),
    ],
)
def test_managed_fields_have_precedence_over_the_labels_of_a_gitops_tool(manager, mark, words):
    found = warned(vm=make_vm(tracked_by=mark, guest_manager=manager))
    assert words in found
    assert "managedFields do not show" not in found


def test_vm_without_a_memory_change_has_no_guest_warning():
    vm = make_vm(guest_manager="argocd-controller", tracked_by="Argo CD apps")
    assert warned("1Gi", kernel="4.18.0", vm=vm) == ""


@pytest.mark.parametrize(
    ("guest", "version", "stage", "told"),
    [
        # recorded v1.3.1 and v1.6.3 above-max-then-revert: RestartRequired stays
        ("5Gi", "v1.6.3", True, True),
        ("5Gi", "v1.6.3", False, False),
        ("2Gi", "v1.9.0", True, False),
        ("5Gi", "v1.9.0", True, False),
    ],
)
def test_restart_policy_stage_causes_a_warning_on_an_old_kubevirt_version(
    guest, version, stage, told
):
    consent = RestartConsent.STAGE if stage else RestartConsent.NEVER
    found = warned(guest, version=version, policy={"restart": consent})
    assert ("prevents every live update" in found) is told


def test_plan_does_not_warn_that_a_waiting_vm_loses_live_updates():
    found = warned(version="v1.6.3", policy={"restart": RestartConsent.STAGE}, conditions={})
    assert "prevents every live update" not in found


@pytest.mark.parametrize(
    ("requested", "current", "told"), [("2Gi", "1Gi", True), ("2Gi", "2Gi", False)]
)
def test_guest_that_did_not_use_hotplugged_memory_causes_a_warning(requested, current, told):
    found = warned("3Gi", guest_requested=q(requested), guest_current=q(current))
    assert ("might not use the new size either" in found) is told
