"""Tests how the simulated API server creates, updates and deletes objects."""

import json

import pytest
from support.apiserver import MERGE_PATCH, VMS, vm

from reconciler.simulator.apiserver.request.admission import Denial
from reconciler.simulator.store.history import Key

PODS = "/api/v1/namespaces/db/pods"
STRATEGIC = "application/strategic-merge-patch+json"
PROTOBUF = "application/vnd.kubernetes.protobuf"


def pod(*containers, name="p"):
    return {"metadata": {"name": name}, "spec": {"containers": list(containers)}}


@pytest.mark.parametrize(
    ("path", "obj", "status", "message"),
    [
        (VMS.replace("/db/", "/nope/"), vm(), 400, "the namespace of the provided object"),
        (VMS.replace("/db/", "/nope/"), {**vm(), "metadata": {"name": "x"}}, 404, "namespaces"),
        (VMS, {**vm(), "kind": "Pod"}, 400, 'Pod in version "v1" cannot be handled as a'),
        (VMS, {**vm(), "apiVersion": "v2"}, 400, "the API version in the data (v2)"),
        (VMS, "[]", 400, "the object provided is unrecognized"),
        (VMS, "{", 400, "unexpected end of JSON input"),
        (VMS, {**vm(), "metadata": []}, 400, "metadata"),
    ],
)
def test_object_that_does_not_match_the_url_path_is_rejected(server, path, obj, status, message):
    answer = server.send("POST", path, obj)
    assert answer.status == status, answer.text
    assert message in answer.body["message"]


def test_simulated_api_server_ignores_the_status_in_a_create_request(server):
    created = server.send("POST", VMS, {**vm(), "status": {"ready": True}}).body
    assert "status" not in created


def test_null_label_or_annotation_is_stored_as_an_empty_string(server):
    """Go decodes null in a map of strings as an empty string (apimachinery v0.32 ObjectMeta)."""
    metadata = {**vm()["metadata"], "labels": {"a": None, "b": "c"}, "annotations": {"d": None}}
    for path, obj in ((VMS, {**vm(), "metadata": metadata}), (PODS, pod({"name": "c"}))):
        created = server.send("POST", path, {**obj, "metadata": metadata}).body["metadata"]
        assert (created["labels"], created["annotations"]) == ({"a": "", "b": "c"}, {"d": ""})


def test_put_request_for_a_custom_resource_requires_the_current_resource_version(server):
    created = server.create_vm().body
    created["spec"]["runStrategy"] = "Always"
    answer = server.send("PUT", f"{VMS}/pg", created)
    assert (answer.status, answer.body["spec"]["runStrategy"]) == (200, "Always")
    assert server.send("PUT", f"{VMS}/pg", created).status == 409
    del created["metadata"]["resourceVersion"]
    refused = server.send("PUT", f"{VMS}/pg", created)
    assert refused.status == 422
    assert "metadata.resourceVersion: Invalid value: 0: must be" in refused.body["message"]


def test_put_request_creates_an_absent_object_only_for_some_kinds(server):
    assert server.send("PUT", f"{VMS}/pg", vm()).status == 404
    lease = {"metadata": {"name": "l"}, "spec": {"holderIdentity": "a"}}
    path = "/apis/coordination.k8s.io/v1/namespaces/db/leases/l"
    assert server.send("PUT", path, lease).status == 201


@pytest.mark.parametrize("field", ["name", "namespace", "uid"])
def test_name_namespace_and_uid_of_an_object_are_immutable(server, field):
    server.create_vm()
    refused = server.patch({"metadata": {field: "other"}})
    assert refused.status == 422
    assert f'metadata.{field}: Invalid value: "other": field is immutable' in refused.text.replace(
        '\\"', '"'
    )


def test_patch_of_an_object_keeps_its_status_and_patch_of_the_status_keeps_its_spec(server):
    server.create_vm()
    server.patch({"status": {"ready": True}})
    path = f"{VMS}/pg/status"
    body = {"spec": {"runStrategy": "Always"}, "status": {"ready": True}}
    changed = server.send("PATCH", path, body, MERGE_PATCH).body
    assert changed["spec"]["runStrategy"] == "Halted"
    assert changed["status"]["ready"] is True
    assert changed["metadata"]["generation"] == 1


def test_virtual_machine_instance_has_no_status_subresource(server):
    path = "/apis/kubevirt.io/v1/namespaces/db/virtualmachineinstances/x/status"
    assert server.send("GET", path).status == 404


def test_simulated_delete_request_returns_a_status_with_the_uid_of_the_object(server):
    uid = server.create_vm().body["metadata"]["uid"]
    answer = server.send("DELETE", f"{VMS}/pg").body
    assert answer["status"] == "Success"
    assert answer["details"] == {
        "name": "pg",
        "group": "kubevirt.io",
        "kind": "virtualmachines",
        "uid": uid,
    }


@pytest.mark.parametrize("field", ["uid", "resourceVersion"])
def test_simulated_delete_request_checks_the_uid_and_resource_version_preconditions(server, field):
    server.create_vm()
    refused = server.send("DELETE", f"{VMS}/pg", {"preconditions": {field: "1"}})
    assert refused.status == 409
    assert "in precondition: 1, " in refused.body["message"]


def test_simulated_delete_request_only_sets_the_deletion_timestamp_of_an_object_with_finalizers(
    server,
):
    server.create_vm(finalizers=["kubevirt.io/x"])
    server.send("DELETE", f"{VMS}/pg", {"dryRun": ["All"]})
    assert "deletionTimestamp" not in server.send("GET", f"{VMS}/pg").body["metadata"]
    marked = server.send("DELETE", f"{VMS}/pg").body
    assert marked["metadata"]["deletionTimestamp"]


def test_simulated_delete_request_with_the_orphan_policy_keeps_dependents(server):
    uid = server.create_vm().body["metadata"]["uid"]
    key = Key("pods", "db", "launcher")
    server.store.create(key, {"metadata": {"ownerReferences": [{"uid": uid}]}})
    server.send("DELETE", f"{VMS}/pg?propagationPolicy=Orphan")
    assert server.store.get(key)["metadata"]["ownerReferences"] == []


def test_simulated_delete_collection_request_deletes_the_selected_objects(server):
    server.create_vm("a", labels={"old": "yes"})
    server.create_vm("b")
    server.send("DELETE", f"{VMS}?labelSelector=old")
    assert [i["metadata"]["name"] for i in server.send("GET", VMS).body["items"]] == ["b"]


def test_deleting_a_namespace_deletes_its_objects(server):
    server.create_vm()
    server.send("DELETE", "/api/v1/namespaces/db")
    assert server.send("GET", f"{VMS}/pg").status == 404
    assert server.send("POST", VMS, vm()).status == 404


def test_new_namespace_is_in_phase_active(server):
    created = server.send("POST", "/api/v1/namespaces", {"metadata": {"name": "n"}}).body
    assert created["status"] == {"phase": "Active"}
    assert created["metadata"]["labels"] == {"kubernetes.io/metadata.name": "n"}


def test_built_in_kinds_accept_strategic_merge_patches(server):
    server.send("POST", PODS, pod({"name": "a", "image": "x"}, {"name": "b", "image": "y"}))
    changed = server.send(
        "PATCH",
        f"{PODS}/p",
        {
            "spec": {
                "containers": [
                    {"name": "a", "image": "z"},
                    {"name": "b", "$patch": "delete"},
                    {"name": "c", "image": "w"},
                ]
            }
        },
        STRATEGIC,
    ).body
    assert changed["spec"]["containers"] == [
        {"image": "z", "name": "a"},
        {"image": "w", "name": "c"},
    ]


def test_custom_kinds_reject_strategic_merge_patches(server):
    server.create_vm()
    refused = server.send("PATCH", f"{VMS}/pg", {}, STRATEGIC)
    assert refused.status == 415
    assert "strategic" not in refused.body["message"]


def test_field_with_a_wrong_type_in_a_built_in_kind_causes_a_decoding_error(server):
    refused = server.send("POST", PODS, pod({"name": "a", "image": 1}))
    assert refused.status == 400
    assert "cannot unmarshal integer into Go struct field" in refused.body["message"]


def test_built_in_object_without_a_required_field_gets_422(server):
    refused = server.send("POST", PODS, {"metadata": {"name": "p"}, "spec": {}})
    assert refused.body["message"] == 'Pod "p" is invalid: spec.containers: Required value'


def test_admission_hooks_run_in_order_until_one_denies_the_write(server):
    seen = []

    def fill(review):
        seen.append(("mutate", review.operation, "machine" in json.dumps(review.object)))
        review.object["spec"]["template"]["spec"]["domain"]["machine"] = {"type": "q35"}
        review.warnings.append("spec.running is deprecated")

    def check(review):
        seen.append(("validate", review.operation, "machine" in json.dumps(review.object)))
        if review.old is not None:
            return Denial(webhook="v.kubevirt.io", message="no", causes=({"field": "spec"},))
        return None

    server.admission.mutating("virtualmachines.kubevirt.io", fill)
    server.admission.validating("virtualmachines.kubevirt.io", check)
    created = server.create_vm()
    assert created.header("warning") == ['299 - "spec.running is deprecated"']
    assert "machine" not in json.dumps(created.body["metadata"]["managedFields"])
    refused = server.patch({"spec": {"runStrategy": "Always"}})
    assert refused.status == 422
    assert refused.body["message"] == 'admission webhook "v.kubevirt.io" denied the request: no'
    assert refused.body["details"] == {"causes": [{"field": "spec"}]}
    assert [kind for kind, _, _ in seen] == ["mutate", "validate"] * 2
    assert seen[1][2] is True


def test_admission_hooks_do_not_run_for_writes_of_controllers(server):
    server.admission.validating(
        "virtualmachines.kubevirt.io", lambda _: Denial(webhook="w", message="no")
    )
    assert server.send("POST", VMS, vm()).status == 422
    server.store.create(Key("virtualmachines.kubevirt.io", "db", "pg"), vm())
    assert server.send("GET", f"{VMS}/pg").status == 200


def field(number, payload):
    return bytes([number << 3 | 2, len(payload)]) + payload


def envelope(api_version, kind, raw):
    meta = field(1, api_version.encode()) + field(2, kind.encode())
    return b"k8s\x00" + field(1, meta) + field(2, raw)


def test_protobuf_body_from_kubectl_is_decoded(server):
    raw = field(1, field(1, b"made") + field(11, field(1, b"a") + field(2, b"b")))
    body = envelope("v1", "Namespace", raw)
    path = "/api/v1/namespaces"
    created = server.send("POST", path, body.decode("latin-1"), PROTOBUF)
    assert created.status == 201, created.text
    assert created.body["metadata"]["name"] == "made"
    assert created.body["metadata"]["labels"]["a"] == "b"


@pytest.mark.parametrize("body", ["junk", "k8s\x00junk", "k8s\x00"])
def test_damaged_protobuf_body_is_rejected_as_unsupported(server, body):
    assert server.send("POST", "/api/v1/namespaces", body, PROTOBUF).status == 415
