"""Tests how a manifest file is converted into objects with locations."""

import json

import pytest
from support.manifest_texts import cr, read, said, vm

from reconciler.model.desired.config import RestartConsent
from reconciler.model.fields import (
    BANDWIDTH,
    FEATURE_GATES,
    GUEST_MAX_MEMORY,
    GUEST_MEMORY,
    INSTANCETYPE_NAME,
    MAX_GUEST,
    MAX_HOTPLUG_RATIO,
    RESOURCES,
    ROLLOUT_STRATEGY,
    UPDATE_METHODS,
    WORKLOAD_UPDATE,
    NameSet,
)
from reconciler.model.quantity import GIB, Duration, MemoryQuantity
from reconciler.model.references import kubevirt_ref, vm_ref
from reconciler.source.manifests.manifest_objects import FileResult
from reconciler.source.manifests.manifest_reader import read_manifests


def one(result):
    assert said(result) == []
    (found,) = result.objects
    return found


def test_minimal_vm_manifest_is_read_with_memory_size_and_location():
    found = one(read(vm("guest: 2Gi, maxGuest: 8Gi")))
    assert found.desired.ref == vm_ref("db", "pg-0")
    assert found.desired.guest == MemoryQuantity.of(2 * GIB)
    assert found.desired.guest.raw == "2Gi"
    assert found.desired.max_guest == MemoryQuantity.of(8 * GIB)
    assert found.desired.manifest is None
    assert str(found.places[()]) == "vms/db.yaml:1:1"
    assert str(found.places[GUEST_MEMORY]) == "vms/db.yaml:9:46"
    assert str(found.places[GUEST_MAX_MEMORY]) == "vms/db.yaml:9:61"


def test_location_of_memory_requests_is_recorded_if_a_vm_manifest_sets_no_guest_size():
    text = vm().replace("{memory: {guest: 2Gi}}", "{resources: {requests: {memory: 4Gi}}}")
    (found,) = read(text).objects
    assert str(found.places[(*RESOURCES, "requests", "memory")]) == "vms/db.yaml:9:61"


@pytest.mark.parametrize(
    ("written", "n_bytes", "raw"),
    [
        ("2Gi", 2 * GIB, "2Gi"),
        ("'2147483648'", 2 * GIB, "2147483648"),
        ("2147483648", 2 * GIB, 2 * GIB),
        ("2_147_483_648", 2 * GIB, 2 * GIB),
        ("0x80000000", 2 * GIB, 2 * GIB),
        ("2.147483648e9", 2 * GIB, 2 * GIB),
        ("2147483648.0", 2 * GIB, 2 * GIB),
        ("'2.5Gi'", 5 * GIB // 2, "2.5Gi"),
    ],
)
def test_guest_size_in_a_manifest_can_be_a_string_or_a_number(written, n_bytes, raw):
    guest = one(read(vm(f"guest: {written}"))).desired.guest
    assert (guest.n_bytes, guest.raw) == (n_bytes, raw)
    assert type(guest.raw) is type(raw)


def test_vm_manifest_with_an_instancetype_has_no_guest_size():
    text = vm(spec="  instancetype:\n    name: u1.large\n").replace("guest: 2Gi", "")
    found = one(read(text))
    assert (found.desired.guest, found.desired.instancetype) == (None, "u1.large")
    assert str(found.places[INSTANCETYPE_NAME]) == "vms/db.yaml:10:11"


def test_vm_labels_and_annotations_are_read():
    text = vm().replace("  # none\n", "  labels: {tier: db}\n", 1)
    text = text.replace("  # none\n", "", 1).replace(
        "spec:\n",
        "  annotations:\n    memory.reconciler.dev/suspend: 'true'\n"
        "    memory.reconciler.dev/priority: '-5'\n    other.example/x: any\nspec:\n",
        1,
    )
    desired = one(read(text)).desired
    assert (desired.labels, desired.suspended, desired.priority) == ({"tier": "db"}, True, -5)
    assert desired.restart is None


@pytest.mark.parametrize("consent", RestartConsent)
def test_restart_annotation_sets_when_a_vm_can_be_restarted(consent):
    found = one(read(vm(annotations=f"memory.reconciler.dev/restart: {consent}")))
    assert (found.desired.restart, found.diagnostics) == (consent, ())


def test_invalid_restart_annotation_is_ignored():
    (found,) = read(vm(annotations="memory.reconciler.dev/restart: always")).objects
    assert found.desired.restart is None
    assert [each.code for each in found.diagnostics] == ["bad-annotation"]


def test_complete_vm_manifest_is_kept_as_plain_python_values():
    text = (
        "apiVersion: kubevirt.io/v1\nkind: VirtualMachine\n"
        "metadata: {name: a, namespace: b, uid: x, creationTimestamp: null, labels: &l {c: d}}\n"
        "spec:\n  runStrategy: Always\n  template:\n    metadata: {labels: *l}\n"
        "    spec: {domain: {devices: {}, memory: {guest: 2e9}}}\nstatus: {ready: yes}\n"
    )
    (found,) = read(text).objects
    assert found.desired.manifest == {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": "a", "namespace": "b", "labels": {"c": "d"}},
        "spec": {
            "runStrategy": "Always",
            "template": {
                "metadata": {"labels": {"c": "d"}},
                "spec": {"domain": {"devices": {}, "memory": {"guest": 2_000_000_000}}},
            },
        },
    }


@pytest.mark.parametrize(
    "missing", ["  runStrategy: Always\n", "devices: {}, "], ids=["run strategy", "devices"]
)
def test_vm_manifest_without_a_required_field_cannot_be_used_to_create_the_vm(missing):
    text = (
        "apiVersion: kubevirt.io/v1\nkind: VirtualMachine\nmetadata: {name: a, namespace: b}\n"
        "spec:\n  runStrategy: Always\n"
        "  template: {spec: {domain: {devices: {}, memory: {guest: 2Gi}}}}\n"
    )
    assert one(read(text)).desired.manifest is not None
    assert one(read(text.replace(missing, ""))).desired.manifest is None


def test_kubevirt_manifest_is_decoded_with_every_managed_field():
    found = one(
        read(
            cr(
                "  workloadUpdateStrategy:\n"
                "    workloadUpdateMethods: [LiveMigrate, Evict]\n"
                "    batchEvictionInterval: 1m\n"
                "  configuration:\n"
                "    developerConfiguration: {featureGates: [A]}\n"
                "    vmRolloutStrategy: LiveUpdate\n"
                "    liveUpdateConfiguration: {maxGuest: 64Gi, maxHotplugRatio: 8}\n"
                "    migrations: {bandwidthPerMigration: 0, allowPostCopy: no}\n"
            )
        )
    )
    assert found.desired.ref == kubevirt_ref("kubevirt", "kubevirt")
    assert found.desired.settings == {
        FEATURE_GATES: NameSet.of(("A",)),
        UPDATE_METHODS: NameSet.of(("Evict", "LiveMigrate")),
        (*WORKLOAD_UPDATE, "batchEvictionInterval"): Duration.parse("60s"),
        ROLLOUT_STRATEGY: "LiveUpdate",
        MAX_GUEST: MemoryQuantity.of(64 * GIB),
        MAX_HOTPLUG_RATIO: 8,
        BANDWIDTH: MemoryQuantity.parse("0"),
        (*BANDWIDTH[:-1], "allowPostCopy"): False,
    }
    assert str(found.places[MAX_HOTPLUG_RATIO]) == "vms/db.yaml:11:64"


def test_values_from_yaml_aliases_and_merges_have_the_location_of_the_original():
    text = (
        ("apiVersion: kubevirt.io/v1\nkind: List\nsize: &size {guest: 4Gi}\nitems: []\n")
        .replace("kubevirt.io/v1", "v1")
        .replace(
            "items: []",
            "items:\n- apiVersion: kubevirt.io/v1\n  kind: VirtualMachine\n"
            "  metadata: {name: a, namespace: b}\n"
            "  spec: {template: {spec: {domain: {memory: {<<: *size, maxGuest: 8Gi}}}}}",
        )
    )
    found = one(read(text))
    assert str(found.places[GUEST_MEMORY]) == "vms/db.yaml:3:21"
    assert str(found.places[()]) == "vms/db.yaml:5:3"


@pytest.mark.parametrize(
    "head",
    [
        "apiVersion: v1\nkind: List\nitems:\n",
        "apiVersion: kubevirt.io/v1\nkind: VirtualMachineList\nitems:\n",
    ],
)
def test_kubernetes_list_is_read_item_by_item(head):
    body = "".join("  " + line for line in vm().splitlines(keepends=True))
    result = read(head + "-" + body[1:] + "-" + body[1:].replace("pg-0", "pg-1"))
    assert [each.desired.ref.name for each in result.objects] == ["pg-0", "pg-1"]


def test_items_of_a_virtual_machine_list_need_no_kind():
    result = read(
        "apiVersion: kubevirt.io/v1\nkind: VirtualMachineList\nitems:\n"
        "- metadata: {name: a, namespace: b}\n"
        "  spec: {template: {spec: {domain: {memory: {guest: 2Gi}}}}}\n"
    )
    assert one(result).desired.ref == vm_ref("b", "a")


def test_json_manifest_is_read_like_a_yaml_manifest():
    result = read_manifests(
        "a.json",
        b'{"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine",\n'
        b'\t"metadata": {"name": "a", "namespace": "b"},\n'
        b'\t"spec": {"template": {"spec": {"domain": {"memory": {"guest": "2Gi"}}}}}}\n',
    )
    assert str(one(result).places[GUEST_MEMORY]) == "a.json:3:64"


def test_objects_of_other_kinds_are_counted_and_documents_without_an_object_are_ignored():
    result = read(
        "apiVersion: v1\nkind: ConfigMap\n---\napiVersion: v1\nkind: ConfigMap\n---\n"
        "apiVersion: kubevirt.io/v1\nkind: VirtualMachineInstance\n---\n"
        "apiVersion: vmoperator.vmware.com/v1alpha1\nkind: VirtualMachine\n---\n"
        "replicas: 3\nkind: Deployment\n---\n- a\n- b\n---\nname: test\non: [push]\njobs: "
        "{}\n---\n"
        "apiVersion: v2\nname: chart\n"
    )
    assert said(result) == []
    assert result.objects == ()
    assert result.skipped == {"ConfigMap": 2, "VirtualMachine": 1, "VirtualMachineInstance": 1}


FOREIGN = [
    pytest.param("just text\n", id="text"),
    pytest.param("<html>kubevirt</html>", id="page that mentions KubeVirt"),
    pytest.param("42\n", id="number"),
    pytest.param("kubevirt: {{ .Values.x }}\n", id="template"),
    pytest.param("{\n  // comment\n  'a': 1,\n}\n", id="JSON with comments"),
    pytest.param("a: 1\na: 2\nkubevirt: x\n", id="equal keys"),
    pytest.param(b"a: \xff kubevirt\n", id="not text"),
    pytest.param("# KubeVirt\n" + "a: [\n", id="open bracket"),
    pytest.param("kubevirt: *x\n", id="alias without anchor"),
]


@pytest.mark.parametrize("text", FOREIGN)
def test_yaml_documents_of_other_tools_are_ignored_without_a_diagnostic(text):
    result = read(text)
    assert (said(result), result.objects, result.skipped) == ([], (), {})


@pytest.mark.parametrize("text", [each for each in FOREIGN if isinstance(each.values[0], str)])
def test_vms_are_read_from_a_file_that_also_contains_yaml_documents_of_other_tools(text):
    foreign = text.rstrip("\n") + "\n"
    result = read(
        foreign + "---\n" + vm() + "---\n" + foreign + "---\n" + vm().replace("-0", "-1")
    )
    assert [each.desired.ref.name for each in result.objects] == ["pg-0", "pg-1"]
    assert said(result) == []
    line = foreign.count("\n") + 2
    assert result.objects[0].places[()].line == line


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("kind: VirtualMachine\na: [\n", id="open bracket"),
        pytest.param('{"kind":"KubeVirt"\n', id="cut JSON"),
        pytest.param("{{ if x }}\nkind: 'VirtualMachineList'\n", id="template"),
        pytest.param(b"kind: VirtualMachine\n\xff\n", id="not text"),
        pytest.param(
            b"\xff\xfe" + "kind: VirtualMachine\na: [\n".encode("utf-16-le"), id="UTF-16"
        ),
    ],
)
def test_unparsable_yaml_document_that_contains_a_kubevirt_kind_is_an_error(text):
    (found,) = said(read(text))
    assert (found.severity, found.code in {"not-yaml", "not-text"}) == ("error", True)


@pytest.mark.parametrize(
    "kind",
    [
        '"\\x56irtualMachine"',
        '"\\u0056irtualMachine"',
        '"Virtual\\\n  Machine"',
        "!!binary VmlydHVhbE1hY2hpbmU=",
    ],
)
def test_vm_manifest_is_recognized_in_every_notation_of_its_kind(kind):
    text = vm().replace("VirtualMachine", kind).replace("kubevirt.io", '"\\u006bubevirt.io/v1"', 1)
    text = text.replace('"/v1\n', '"\n', 1)
    assert one(read(text)).desired.ref.name == "pg-0"
    assert one(read(b"\xff\xfe" + vm().encode("utf-16-le"))).desired.ref.name == "pg-0"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
def test_vm_manifest_in_an_encoding_that_kubectl_does_not_read_is_an_error(encoding):
    (found,) = said(read(vm().encode(encoding)))
    assert (found.severity, found.code in {"not-yaml", "not-text"}) == ("error", True)
    assert read("kind: ConfigMap\n".encode(encoding)) == FileResult(unread=1)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_byte_order_mark_at_the_start_of_a_later_yaml_document_is_skipped(end):
    text = vm() + "--- \n\ufeff" + vm().replace("pg-0", "pg-1")
    result = read(text.replace("\n", end).encode())
    assert said(result) == []
    assert [each.desired.ref.name for each in result.objects] == ["pg-0", "pg-1"]


def test_valid_yaml_documents_are_read_from_a_file_with_an_invalid_document():
    bad = "---\nkind: KubeVirt\n{{ bad\n---\n"
    result = read(vm() + bad + vm("guest: 2GB").replace("pg-0", "pg-1"))
    assert [each.code for each in said(result)] == ["not-yaml", "bad-quantity"]
    assert [each.desired.ref.name for each in result.objects] == ["pg-0", "pg-1"]


def test_duplicate_key_in_a_vm_manifest_causes_a_warning_and_the_last_value_wins():
    result = read(vm("guest: 2Gi, guest: 4Gi") + "---\nkind: ConfigMap\na: 1\na: 2\n")
    assert [(each.severity, each.code) for each in said(result)] == [("warning", "duplicate-key")]
    assert str(result.objects[0].desired.guest) == "4Gi"


NULLS = (
    "apiVersion: kubevirt.io/v1\nkind: VirtualMachine\n"
    "metadata: {name: a, namespace: db, labels: ~, annotations: ~}\nspec:\n"
    "  runStrategy: Always\n  running: null\n  instancetype: null\n  template:\n    spec:\n"
    "      domain:\n        devices: {disks: [{name: d, disk: ~}]}\n"
    "        memory: {guest: 2Gi, maxGuest: null, hugepages: ~}\n"
)
META_NULLS = "labels: {a: ~, b: c}, annotations: {memory.reconciler.dev/suspend: }"


def test_manifest_key_with_a_null_value_counts_as_missing():
    vm = one(read(NULLS)).desired
    assert (str(vm.guest), vm.max_guest, vm.instancetype) == ("2Gi", None, None)
    spec = vm.manifest["spec"]
    assert (sorted(spec), "labels" in vm.manifest["metadata"]) == (
        ["runStrategy", "template"],
        False,
    )
    assert spec["template"]["spec"]["domain"]["devices"] == {"disks": [{"name": "d"}]}


def test_label_or_annotation_with_a_null_value_has_an_empty_value():
    (found,) = read(NULLS.replace("labels: ~, annotations: ~", META_NULLS)).objects
    assert found.desired.labels == {"a": "", "b": "c"}
    metadata = found.desired.manifest["metadata"]
    assert metadata["labels"] == {"a": "", "b": "c"}
    assert metadata["annotations"] == {"memory.reconciler.dev/suspend": ""}
    (problem,) = found.diagnostics
    assert (problem.code, problem.at.line) == ("bad-annotation", 3)
    assert problem.message.endswith('suspend is \'\'; expected "true" or "false"')


def test_kubevirt_setting_with_a_null_value_counts_as_unset():
    result = read(
        "apiVersion: kubevirt.io/v1\nkind: KubeVirt\nmetadata: {name: k, namespace: kubevirt}\n"
        "spec:\n  configuration:\n  workloadUpdateStrategy:\n"
        "    workloadUpdateMethods: [LiveMigrate]\n    batchEvictionSize:\n"
    )
    assert list(one(result).desired.settings) == [UPDATE_METHODS]


def test_consecutive_json_objects_in_one_file_are_read_with_their_locations():
    objects = [
        json.dumps({**JSON, "metadata": {"name": each, "namespace": "db"}}) for each in "abc"
    ]
    result = read("\t" + objects[0] + objects[1] + "\n" + objects[2])
    assert [each.desired.ref.name for each in result.objects] == ["a", "b", "c"]
    places = [each.places[()] for each in result.objects]
    assert [(each.line, each.column) for each in places] == [
        (1, 2),
        (1, 2 + len(objects[0])),
        (2, 1),
    ]


JSON = {
    "apiVersion": "kubevirt.io/v1",
    "kind": "VirtualMachine",
    "spec": {"template": {"spec": {"domain": {"memory": {"guest": "2Gi"}}}}},
}


@pytest.mark.parametrize(
    ("keys", "severities"),
    [
        pytest.param("subdomain: x, domain: {memory: {guest: 2Gi}}", [], id="known name"),
        pytest.param("domains: {}, domain: {memory: {guest: 2Gi}}", ["warning"], id="look-alike"),
        pytest.param("domains: {memory: {guest: 2Gi}}", ["error", "warning"], id="misspelt"),
    ],
)
def test_misspelt_manifest_key_is_an_error_only_if_the_correct_key_is_missing(keys, severities):
    head = "apiVersion: kubevirt.io/v1\nkind: VirtualMachine\nmetadata: {name: a, namespace: b}\n"
    found = said(read(head + f"spec: {{template: {{spec: {{{keys}}}}}}}\n"))
    assert [each.severity for each in found] == severities
