"""Tests the API responses for kubectl: discovery, OpenAPI, tables and health endpoints."""

import pytest
from support.apiserver import TABLE, VMS, ApiServer, vm_key

from reconciler.simulator.apiserver.kubectl_face import jsonpath
from reconciler.simulator.apiserver.kubectl_face.table_columns import duration

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


@pytest.fixture
def server():
    fresh = ApiServer()
    fresh.admission.action("virtualmachines", "restart", lambda *_, **__: None)
    return fresh


def test_discovery_lists_resources_subresources_and_actions(server):
    found = set()
    for root in ("/api", "/apis"):
        listed = server.send("GET", root, accept=f"{AGGREGATED},application/json").body
        versions = [g["preferredVersion"]["groupVersion"] for g in listed.get("groups", ())]
        for version in versions or listed["versions"]:
            resources = server.send("GET", f"{root}/{version}").body["resources"]
            found |= {(version, r["name"]) for r in resources}
    assert ("v1", "serviceaccounts/token") in found
    assert ("kubevirt.io/v1", "virtualmachines/status") in found
    assert ("subresources.kubevirt.io/v1", "virtualmachines/restart") in found


def test_every_discovered_resource_can_be_listed(server):
    for group in server.send("GET", "/apis").body["groups"]:
        version = group["preferredVersion"]["groupVersion"]
        for resource in server.send("GET", f"/apis/{version}").body["resources"]:
            if "list" in resource["verbs"]:
                answer = server.send("GET", f"/apis/{version}/{resource['name']}")
                assert answer.body["kind"] == f"{resource['kind']}List"
                assert (
                    server.send("GET", f"/apis/{version}/{resource['name']}", accept=TABLE).body[
                        "kind"
                    ]
                    == "Table"
                )


def test_every_discovered_version_has_an_openapi_document(server):
    paths = server.send("GET", "/openapi/v3").body["paths"]
    for path, entry in paths.items():
        document = server.send("GET", entry["serverRelativeURL"]).body
        assert document["openapi"].startswith("3."), path
    schemas = server.send("GET", "/openapi/v3/apis/kubevirt.io/v1").body["components"]["schemas"]
    memory = schemas["io.kubevirt.v1.VirtualMachine"]["properties"]["spec"]["properties"][
        "template"
    ]["properties"]["spec"]["properties"]["domain"]["properties"]["memory"]
    assert memory["properties"]["guest"]["x-kubernetes-int-or-string"] is True


def test_openapi_document_lists_the_field_validation_parameter_for_patch_requests(server):
    paths = server.send("GET", "/openapi/v3/apis/kubevirt.io/v1").body["paths"]
    patch = paths["/apis/kubevirt.io/v1/namespaces/{namespace}/virtualmachines/{name}"]["patch"]
    assert "fieldValidation" in [p["name"] for p in patch["parameters"]]
    assert patch["x-kubernetes-group-version-kind"]["kind"] == "VirtualMachine"


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz", "/readyz/ping"])
def test_health_endpoints_return_ok(server, path):
    assert server.send("GET", path).text == "ok"


@pytest.mark.parametrize(
    "path",
    [
        "/nope",
        "/apis/nope",
        "/apis/kubevirt.io/v9",
        "/apis/kubevirt.io/v1/namespaces/db/virtualmachines/a/b/c",
        "/openapi/v3/apis/nope/v1",
        "/apis/subresources.kubevirt.io/v1/namespaces/db/virtualmachines/pg/nope",
        f"{VMS}/pg/nope",
    ],
)
def test_request_with_an_unknown_url_path_gets_a_plain_text_404(server, path):
    answer = server.send("GET", path)
    assert (answer.status, answer.text) == (404, "404 page not found\n")


def test_request_with_an_unsupported_http_method_gets_405(server):
    assert server.send("POST", f"{VMS}/pg", {}).status == 405
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/virtualmachines.kubevirt.io"
    assert server.send("DELETE", path).status == 405


def test_simulated_subresource_request_gets_a_response_without_a_body(server):
    asked = []

    def restart(namespace, name, *, dry_run):
        asked.append((namespace, name, dry_run))

    server.admission.action("virtualmachines", "restart", restart)
    path = "/apis/subresources.kubevirt.io/v1/namespaces/db/virtualmachines/pg/restart"
    options = {"gracePeriodSeconds": 0, "dryRun": ["All"]}
    answer = server.send("PUT", path, options)
    assert (answer.status, answer.text) == (202, "")
    assert asked == [("db", "pg", True)]


def test_table_row_contains_the_values_of_the_printer_columns(server):
    server.create_vm()
    server.store.mutate(
        vm_key(),
        lambda o: o.update(
            status={
                "printableStatus": "Running",
                "conditions": [{"type": "Ready", "status": "True"}],
            }
        ),
        status=True,
    )
    server.clock.advance(200)
    answer = server.send("GET", f"{VMS}/pg", accept=TABLE).body
    assert answer["rows"][0]["cells"] == ["pg", "3m20s", "Running", "True"]
    assert answer["rows"][0]["object"]["kind"] == "PartialObjectMetadata"


@pytest.mark.parametrize(
    ("resource", "columns"),
    [
        ("virtualmachines", "Name Age Status Ready"),
        ("virtualmachineinstances", "Name Age Phase IP NodeName Ready Live-Migratable* Paused*"),
        ("virtualmachineinstancemigrations", "Name Phase VMI"),
        ("kubevirts", "Name Age Phase"),
    ],
)
def test_printer_columns_come_from_kubevirts_custom_resource_definitions(
    server, resource, columns
):
    listed = server.send("GET", f"/apis/kubevirt.io/v1/{resource}", accept=TABLE).body
    shown = [c["name"] + "*" * bool(c["priority"]) for c in listed["columnDefinitions"]]
    assert " ".join(shown) == columns


def test_partial_object_metadata_can_be_requested(server):
    server.create_vm()
    accept = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
    answer = server.send("GET", VMS, accept=accept).body
    assert answer["kind"] == "PartialObjectMetadataList"
    assert "spec" not in answer["items"][0]


def test_unsupported_response_format_gets_406(server):
    assert server.send("GET", VMS, accept="application/cbor").status == 406


@pytest.mark.parametrize("query", ["limit=x", "resourceVersion=x", "watch=1&timeoutSeconds=x"])
def test_invalid_number_in_a_query_parameter_gets_400(server, query):
    answer = server.send("GET", f"{VMS}?{query}")
    assert (answer.status, answer.body["reason"]) == (400, "BadRequest")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (599, "9m59s"),
        (600, "10m"),
        (3 * 3600, "3h"),
        (5 * 3600 + 60, "5h1m"),
        (9 * 3600, "9h"),
        (50 * 3600, "2d2h"),
        (10 * 86400, "10d"),
        (800 * 86400, "2y70d"),
        (-1, "0s"),
    ],
)
def test_ages_of_objects_are_formatted_as_in_kubectl(seconds, text):
    assert duration(seconds) == text


def test_printer_column_with_an_unsupported_json_path_causes_an_error():
    assert jsonpath.find({"a": [{"t": "x", "v": 1}]}, ".a[?(@.t=='x')].v") == [1]
    with pytest.raises(ValueError, match="is not supported"):
        jsonpath.find({}, ".a..b")
