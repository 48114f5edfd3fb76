"""Rollouts with KubeVirt CRs that HyperConverged or Harvester manages, with and without faults."""

from __future__ import annotations

import json

import pytest
import yaml
from support.owners.field_facts import FIELDS, RELEASES
from support.simulated import ActOnStep, Rig, rig, vm_yaml

from reconciler.model.desired.config import HyperConvergedPolicy
from reconciler.model.run.progress import Step
from reconciler.simulator.apiserver.request.api_faults import Effect, Fault
from reconciler.simulator.clock import SimClock
from reconciler.simulator.simulator import Simulator
from reconciler.simulator.store.history import Key
from reconciler.simulator.worlds.worlds import parse

NAMESPACE = "kubevirt-hyperconverged"
NAME = "kubevirt-kubevirt-hyperconverged"
KUBEVIRT = Key("kubevirts.kubevirt.io", NAMESPACE, NAME)
HARVESTER = Key("kubevirts.kubevirt.io", "harvester-system", "kubevirt")
ANNOTATION = "kubevirt.kubevirt.io/jsonpatch"
LIVE = {
    "configuration": {"vmRolloutStrategy": "LiveUpdate"},
    "workloadUpdateStrategy": {"workloadUpdateMethods": ["LiveMigrate"]},
}


def owned(release="1.19", kubevirt="v1.9.0", faults=(), **hyperconverged):
    return started(
        apiFaults=list(faults),
        kubevirt={"owner": "HyperConverged", "version": kubevirt},
        hyperConverged={"release": release, **hyperconverged},
    )


def harvester(faults=(), **fields):
    return started(
        apiFaults=list(faults),
        kubevirt={"owner": "Harvester", "version": "v1.8.4", "spec": LIVE},
        harvester=fields,
    )


def started(**world):
    document = {
        "apiVersion": "simulator/v1alpha1",
        "kind": "World",
        "vms": [{"name": "vm", "guest": "1Gi"}],
        **world,
    }
    run = Rig(Simulator(parse(document), clock=SimClock(scale=None)))
    run.clock.sleep(10)
    return run


def setting(path, value, *, key=KUBEVIRT):
    """Return a KubeVirt manifest that sets one field, given by its dotted path."""
    for name in reversed(path.split(".")):
        value = {name: value}
    meta = {"name": key.name, "namespace": key.namespace}
    return yaml.safe_dump(
        {"apiVersion": "kubevirt.io/v1", "kind": "KubeVirt", "metadata": meta, "spec": value}
    )


def held(run, path, key=KUBEVIRT):
    """Return the value of a field in the spec of the KubeVirt CR."""
    found = run.sim.store.get(key)["spec"]
    for name in path.split("."):
        found = (found or {}).get(name)
    return found


def outcome_of(report):
    (found,) = [each for each in report.outcomes if each.ref.kind == "KubeVirt"]
    return f"{found.result} {found.reason}"


RATIO = "configuration.liveUpdateConfiguration.maxHotplugRatio"
PARALLEL = "configuration.migrations.parallelMigrationsPerCluster"
METHODS = "workloadUpdateStrategy.workloadUpdateMethods"
SIMULATED = [
    each
    for each in RELEASES
    # The simulator has KubeVirt since 1.1 and no HyperConverged 1.20; it serves v1 since 1.18.
    if each.owner == "HyperConverged"
    and each.minor in range(11, 20)
    and (each.minor < 18 or each.version == "v1")
]


def nested(settings):
    """Return an object with settings, by dotted path below the object."""
    found = {}
    for path, value in settings.items():
        *parents, name = path.split(".")
        place = found
        for each in parents:
            place = place.setdefault(each, {})
        place[name] = value
    return found


def manifest(settings, key=KUBEVIRT):
    meta = {"name": key.name, "namespace": key.namespace}
    found = {"apiVersion": "kubevirt.io/v1", "kind": "KubeVirt", "metadata": meta}
    return yaml.safe_dump({**found, **nested(settings)})


def shown(run, fields, key=KUBEVIRT):
    return {each.path: held(run, each.path.removeprefix("spec."), key) for each in fields}


@pytest.mark.parametrize("release", SIMULATED, ids=lambda each: each.release)
def test_all_settings_of_a_hyperconverged_release_take_effect_in_the_kubevirt_cr(release):
    run = owned(release.release, release.kubevirt)
    fields = [each for each in FIELDS if release.home(each)]
    report = run.apply(manifest({each.path: each.new for each in fields}))
    assert outcome_of(report) == "done config-as-desired"
    assert shown(run, fields) == {each.path: each.new for each in fields}
    assert [path for path in run.patches() if "/virtualmachines/" not in path] == [
        f"/apis/hco.kubevirt.io/{release.version}/namespaces/{NAMESPACE}/hyperconvergeds/{NAMESPACE}"
    ]
    run.clock.sleep(60)
    assert shown(run, fields) == {each.path: each.new for each in fields}


def reverted(report, manager):
    """Return the settings that a failed run reports as reverted by a field manager."""
    assert outcome_of(report) == "failed reverted"
    message = next(each.why.message for each in report.outcomes if each.ref.kind == "KubeVirt")
    assert message.startswith(f"{manager} reverted ")
    named = message.removeprefix(f"{manager} reverted ").partition("; ")[0]
    return set(named.split(", "))


@pytest.mark.parametrize("release", SIMULATED[-3:], ids=lambda each: each.release)
def test_each_setting_that_another_tool_resets_in_hyperconverged_is_reported(release):
    fields = [each for each in FIELDS if release.home(each)]
    old = nested({release.home(each): each.old for each in fields})
    reset = {"manager": "argocd-controller", "patch": old}
    run = owned(release.release, release.kubevirt, spec=old["spec"], rewrittenBy=reset)
    report = run.apply(manifest({each.path: each.new for each in fields}))
    assert reverted(report, "argocd-controller") == {each.path for each in fields}
    assert shown(run, fields) == {each.path: each.old for each in fields}


@pytest.mark.parametrize("wave", [slice(-1), slice(-1, None)], ids=["settings", "feature gate"])
def test_each_setting_that_another_tool_resets_in_the_kubevirt_cr_is_reported(wave):
    fields, key = FIELDS[wave], Key("kubevirts.kubevirt.io", "kubevirt", "kubevirt")
    old = nested({each.path: each.old for each in fields})
    named = {"kind": "KubeVirt", "namespace": key.namespace, "name": key.name}
    reset = {**named, "manager": "kubectl-edit", "patch": old}
    run = started(kubevirt={"version": "v1.9.0", "spec": old["spec"]}, rewrittenBy=[reset])
    report = run.apply(manifest({each.path: each.new for each in fields}, key))
    assert reverted(report, "kubectl-edit") == {each.path for each in fields}
    assert shown(run, fields, key) == {each.path: each.old for each in fields}


@pytest.mark.parametrize("both", [True, False], ids=["v1 and v1beta1", "v1"])
def test_hyperconverged_is_patched_in_v1_even_if_the_server_also_serves_v1beta1(both):
    run = owned(servesV1beta1=both)
    report = run.apply(setting(PARALLEL, 7))
    assert outcome_of(report) == "done config-as-desired"
    assert [each.split("/")[3] for each in run.patches()] == ["v1"]


def test_report_names_the_tool_that_resets_a_hyperconverged_setting_in_v1beta1():
    run = owned()
    old = f"/apis/hco.kubevirt.io/v1beta1/namespaces/{NAMESPACE}/hyperconvergeds/{NAMESPACE}"
    reset = {"spec": {"liveMigrationConfig": {"parallelMigrationsPerCluster": 5}}}
    run.progress = ActOnStep(
        Step.PATCHED, lambda: run.merge(old, reset, agent="argocd-controller")
    )
    report = run.apply(setting(PARALLEL, 7))
    assert reverted(report, "argocd-controller") == {f"spec.{PARALLEL}"}


HOMELESS = [each for each in FIELDS if each.struct == ""]


def test_setting_without_a_hyperconverged_field_is_written_only_if_the_annotation_is_permitted():
    text = manifest({each.path: each.new for each in HOMELESS})
    run = owned()
    report = run.apply(text)
    assert outcome_of(report) == "held not-settable-in-hyperconverged"
    assert run.patches() == []

    report = run.apply(text, hyperconverged=HyperConvergedPolicy.ANNOTATION)
    assert outcome_of(report) == "done config-as-desired"
    for each in HOMELESS:
        value = held(run, each.path.removeprefix("spec."))
        assert value == each.new or set(each.new) <= set(value)


@pytest.mark.parametrize("field", HOMELESS, ids=lambda each: each.name)
def test_setting_that_another_tool_removes_from_the_hyperconverged_annotation_is_reported(field):
    run = owned(rewrittenBy={"patch": {"metadata": {"annotations": {ANNOTATION: None}}}})
    text = manifest({field.path: field.new})
    report = run.apply(text, hyperconverged=HyperConvergedPolicy.ANNOTATION)
    # managedFields do not say who removed an annotation.
    assert reverted(report, "another client") == {field.path}


def test_simulated_hyperconverged_operator_reverts_a_direct_change_of_the_kubevirt_cr():
    run = owned()
    path = f"/apis/kubevirt.io/v1/namespaces/{NAMESPACE}/kubevirts/{NAME}"
    run.merge(path, {"spec": {"workloadUpdateStrategy": None}}, agent="kubectl")
    assert held(run, METHODS) is None
    run.clock.sleep(5)
    assert held(run, METHODS) == ["LiveMigrate"]


IGNORED = "platform.kubevirt.io/ignore-fields"
PARALLEL_V1 = "/spec/virtualization/liveMigrationConfig/parallelMigrationsPerCluster"
V1 = {"virtualization": {"liveMigrationConfig": {"parallelMigrationsPerCluster": 5}}}


@pytest.mark.parametrize(
    ("faults", "expected", "words"),
    [
        pytest.param(
            {"down": {}},
            "failed not-settled",
            "has generation 2, but its operator has observed only generation 1",
            id="operator down",
        ),
        pytest.param(
            {"down": {"until": "40s"}},
            "done config-as-desired",
            "the KubeVirt CR matches Git",
            id="operator down for some seconds",
        ),
        pytest.param(
            {"rewrittenBy": {"manager": "argocd-controller", "patch": {"spec": V1}}},
            "failed reverted",
            "argocd-controller reverted spec.configuration.migrations",
            id="a second tool writes HyperConverged back",
        ),
        pytest.param(
            {"autopilot": {"fields": {"spec": V1}}},
            "held owned-by-autopilot",
            "overwrites spec.virtualization.liveMigrationConfig.parallelMigrationsPerCluster",
            id="autopilot above HyperConverged",
        ),
        pytest.param(
            {"autopilot": {"fields": {"spec": V1}, "after": "12s"}},
            "held owned-by-autopilot",
            "virt-platform-autopilot overwrites spec.virtualization.liveMigrationConfig",
            id="autopilot resets the field after the write",
        ),
        pytest.param(
            {
                "autopilot": {"fields": {"spec": V1}},
                "annotations": {IGNORED: f"/spec/featureGates, {PARALLEL_V1}"},
            },
            "done config-as-desired",
            "the KubeVirt CR matches Git",
            id="autopilot ignores the field",
        ),
        pytest.param(
            {
                "annotations": {
                    ANNOTATION: '[{"op": "replace", "path": "/spec/configuration/migrations/'
                    'parallelMigrationsPerCluster", "value": 6}]'
                }
            },
            "held set-by-annotation",
            f"the annotation {ANNOTATION} of HyperConverged",
            id="annotation overrides the field",
        ),
    ],
)
def test_run_reports_why_a_setting_in_hyperconverged_did_not_take_effect(faults, expected, words):
    run = owned(**faults)
    report = run.apply(setting(PARALLEL, 7), settle_deadline_s=90.0)
    assert outcome_of(report) == expected
    assert words in report.outcomes[0].why.message


def test_memory_changes_continue_if_hyperconverged_is_not_written_and_never_becomes_available():
    run = owned(unavailable="SSP")
    text = setting(PARALLEL, 7) + "---\n" + vm_yaml("default", "vm", "2Gi")
    report = run.apply(text, settle_deadline_s=60.0)
    found = {each.ref.kind: f"{each.result} {each.reason}" for each in report.outcomes}
    assert found == {"KubeVirt": "failed not-settled", "VirtualMachine": "done converged"}
    assert "SSPNotAvailable" in report.outcomes[0].why.message
    assert "/hyperconvergeds/" not in "".join(run.patches())


UNREADABLE = {
    "hyperconvergeds": (owned, KUBEVIRT, PARALLEL, "owned-by-hyperconverged"),
    "settings": (harvester, HARVESTER, RATIO, "owned-by-harvester"),
}


@pytest.mark.parametrize("status", [403, 503])
@pytest.mark.parametrize("resource", UNREADABLE)
def test_run_with_an_unreadable_hyperconverged_or_harvester_object_changes_only_memory(
    resource, status
):
    world, key, path, reason = UNREADABLE[resource]
    fault = {"methods": ["GET"], "resource": resource, "code": status}
    run = world(faults=[fault])
    text = setting(path, 7, key=key) + "---\n" + vm_yaml("default", "vm", "2Gi")
    report = run.apply(text)
    found = {each.ref.kind: f"{each.result} {each.reason}" for each in report.outcomes}
    assert found == {"KubeVirt": f"held {reason}", "VirtualMachine": "done converged"}
    assert [path for path in run.patches() if "/virtualmachines/" not in path] == []
    (finding,) = [d for d in report.plan.diagnostics if d.code == "owner-unreadable"]
    hint = next(each.why.hint for each in report.outcomes if each.ref.kind == "KubeVirt")
    assert ("grant permission" if status == 403 else finding.hint) in hint


def test_memory_change_does_not_start_before_a_hyperconverged_setting_takes_effect():
    run = owned(down={})
    text = setting(PARALLEL, 7) + "---\n" + vm_yaml("default", "vm", "2Gi")
    report = run.apply(text, settle_deadline_s=60.0)
    found = {each.ref.kind: f"{each.result} {each.reason}" for each in report.outcomes}
    assert found["KubeVirt"] == "failed not-settled"
    assert found["VirtualMachine"].startswith("not-started")


@pytest.mark.parametrize(
    ("times", "expected", "memory"),
    [(20, "done config-as-desired", "done"), (None, "failed not-settled", "not-started")],
)
def test_memory_change_waits_if_hyperconverged_is_unreadable_after_a_write(
    times, expected, memory
):
    run = owned(down={"until": "90s"} if times else {})
    unreadable = Fault(
        effect=Effect.STATUS,
        methods=frozenset({"GET"}),
        resource="hyperconvergeds",
        times=times,
    )
    run.progress = ActOnStep(Step.PATCHED, lambda: run.sim.api.faults.add(unreadable))
    text = setting(PARALLEL, 7) + "---\n" + vm_yaml("default", "vm", "2Gi")
    report = run.apply(text, settle_deadline_s=120.0)
    assert outcome_of(report) == expected
    (vm,) = [each for each in report.outcomes if each.ref.kind == "VirtualMachine"]
    assert vm.result == memory


GATES = "configuration.developerConfiguration.featureGates"


def test_feature_gate_is_set_through_the_hyperconverged_annotation_if_the_user_consents():
    run = owned(
        annotations={ANNOTATION: '[{"op":"add","path":"/spec/imageTag","value":"v1.9.0"}]'}
    )
    report = run.apply(setting(GATES, ["VSOCK"]), hyperconverged=HyperConvergedPolicy.ANNOTATION)
    assert outcome_of(report) == "done config-as-desired"
    assert "VSOCK" in held(run, GATES)
    assert held(run, "imageTag") == "v1.9.0"
    hyperconverged = run.sim.store.get(
        Key("hyperconvergeds.v1.hco.kubevirt.io", NAMESPACE, NAMESPACE)
    )
    annotation = json.loads(hyperconverged["metadata"]["annotations"][ANNOTATION])
    assert [each["path"] for each in annotation] == [
        "/spec/imageTag",
        "/spec/configuration/developerConfiguration/featureGates/-",
    ]
    conditions = {each["type"]: each["status"] for each in hyperconverged["status"]["conditions"]}
    assert conditions["TaintedConfiguration"] == "True"
    assert run.plan(setting(GATES, ["VSOCK"])).decisions[0].reason.value == "config-as-desired"


@pytest.mark.parametrize(
    ("release", "kubevirt", "path", "value"),
    [
        ("1.19", "v1.9.0", GATES, ["VSOCK"]),
        # The KubeVirt CR has no liveUpdateConfiguration, so the annotation adds the whole object.
        ("1.15", "v1.5.2", RATIO, 8),
    ],
)
def test_setting_in_the_hyperconverged_annotation_counts_as_written_while_the_operator_is_down(
    release, kubevirt, path, value
):
    run = owned(release, kubevirt, down={"until": "40s"})
    report = run.apply(setting(path, value), hyperconverged=HyperConvergedPolicy.ANNOTATION)
    assert outcome_of(report) == "done config-as-desired"
    assert len([each for each in run.patches() if "/hyperconvergeds/" in each]) == 1


def test_forecast_uses_the_migration_limits_that_hyperconverged_has_set():
    run = owned("1.19")
    vm = "---\napiVersion: kubevirt.io/v1\nkind: VirtualMachine\nmetadata: {name: vm, namespace: "
    vm += "default}\nspec: {template: {spec: {domain: {memory: {guest: 2Gi}}}}}\n"
    assert (
        "at most 5 migrations at a time in the cluster and 1 from one node"
        in (run.plan(vm).forecast.assumptions[0])
    )
    assert held(run, "configuration.migrations.completionTimeoutPerGiB") == 20


@pytest.mark.parametrize(
    ("faults", "expected", "words"),
    [
        pytest.param({}, "done config-as-desired", "matches Git", id="setting applied"),
        pytest.param(
            {"down": True},
            "failed not-settled",
            "Harvester has not written it to the KubeVirt CR",
            id="controllers down",
        ),
        pytest.param(
            {"rewrittenBy": {"manager": "helm-controller", "patch": {"value": "4"}}},
            "failed reverted",
            "helm-controller reverted spec.configuration.liveUpdateConfiguration.maxHotplugRatio",
            id="a second tool writes the Setting back",
        ),
        pytest.param(
            {"setting": False},
            "held owned-by-harvester",
            "only in Harvester v1.6",
            id="before v1.6",
        ),
    ],
)
def test_hotplug_ratio_is_set_through_the_harvester_setting_or_the_failure_is_reported(
    faults, expected, words
):
    run = harvester(**faults)
    report = run.apply(setting(RATIO, 8, key=HARVESTER), settle_deadline_s=60.0)
    assert outcome_of(report) == expected
    assert words in report.outcomes[0].why.message
    if expected.startswith("done"):
        (patched,) = [each for each in run.progress if each.step is Step.PATCHED]
        assert (patched.ref.kind, patched.ref.name) == ("Setting", "max-hotplug-ratio")
        assert patched.message == "maxHotplugRatio 4 -> 8, for KubeVirt harvester-system/kubevirt"
        events = run.sim.store.list("events", "harvester-system")
        notes = [each["message"] for each in events if each["reason"] == "ConfigPatched"]
        assert notes == ["maxHotplugRatio 4 -> 8, written to Setting max-hotplug-ratio"]
        run.clock.sleep(60)
        assert held(run, RATIO, HARVESTER) == 8


def test_kubevirt_field_that_no_harvester_setting_controls_is_not_written():
    run = harvester()
    report = run.apply(setting(PARALLEL, 7, key=HARVESTER))
    assert outcome_of(report) == "held owned-by-harvester"
    assert run.patches() == []


HOTPLUG = "harvesterhci.io/enableCPUAndMemoryHotplug"
VM = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines/vm"


@pytest.mark.parametrize(
    ("step", "reason", "words"),
    [
        # The webhook sees the annotation that is stored when a write arrives: this run's write,
        # or the write of another client after it.
        (Step.WAVE, "not-as-written", "memory.guest is 1Gi, not 2Gi"),
        (
            Step.PATCHED,
            "harvester-rewrites-memory",
            ("sets memory.guest to 1Gi, which is the memory limit 1124Mi"),
        ),
    ],
)
def test_run_reports_a_memory_size_that_the_harvester_webhook_silently_reverts(
    step, reason, words
):
    vm = {
        "name": "vm",
        "guest": "1Gi",
        "annotations": {HOTPLUG: "true"},
        "domain": {"resources": {"limits": {"memory": "1124Mi"}, "requests": {"memory": "1Gi"}}},
        "running": False,
    }
    run = rig("harvester", vms=[vm])
    disabled = {"metadata": {"annotations": {HOTPLUG: None}}}
    run.progress = ActOnStep(step, lambda: run.merge(VM, disabled, agent="kubectl"))
    report = run.apply(vm_yaml("default", "vm", "2Gi"))
    (outcome,) = report.outcomes
    assert (outcome.result.value, outcome.reason) == ("failed", reason)
    assert words in outcome.why.message
    stored = run.sim.store.get(Key("virtualmachines.kubevirt.io", "default", "vm"))
    assert stored["spec"]["template"]["spec"]["domain"]["memory"]["guest"] == "1Gi"
    again = run.apply(vm_yaml("default", "vm", "2Gi")).outcomes[0]
    assert again.reason == "harvester-rewrites-memory"
    assert len(run.patches()) == 1, "a size that was undone is not written again"
