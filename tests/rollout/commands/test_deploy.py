"""The service account of examples/deploy has exactly the RBAC permissions that a run needs."""

from __future__ import annotations

import pytest
from support.deployment import ACCOUNT, BASE, DEPLOY, RBAC, deploy
from support.served import MEMORY_LEASE, serving
from support.simulated import vm_yaml

from reconciler.app.execution.leases import CONFIG_LEASE

CORE = "/api/v1/namespaces"
KUBEVIRT = "/apis/kubevirt.io/v1"
VMS = f"{KUBEVIRT}/namespaces/default/virtualmachines"
VMIS = f"{KUBEVIRT}/namespaces/default/virtualmachineinstances"
MIGRATIONS = f"{KUBEVIRT}/namespaces/default/virtualmachineinstancemigrations"
CR = f"{KUBEVIRT}/namespaces/kubevirt/kubevirts/kubevirt"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/{}/leases"
ACTIONS = "/apis/subresources.kubevirt.io/v1/namespaces/default"
OPTIONAL = frozenset({"/api/v1/pods", "/api/v1/resourcequotas", "/api/v1/limitranges"})
"""The API paths that a plan reads only if it has the permission."""
DESIRED = vm_yaml("default", "vm", "2Gi") + (
    "---\n"
    "apiVersion: kubevirt.io/v1\n"
    "kind: KubeVirt\n"
    "metadata: {name: kubevirt, namespace: kubevirt}\n"
    "spec: {workloadUpdateStrategy: {workloadUpdateMethods: [LiveMigrate]}}\n"
)


def test_cronjob_service_account_has_the_permissions_for_a_complete_reconcile_run(
    serve, git, command, tmp_path
):
    cluster = serve("no-update-methods", rbac="enforced")
    git.commit({"desired.yaml": DESIRED})
    kubeconfig = cluster.credentials(tmp_path / "account", deploy(cluster, BASE))
    arguments = ("--repo", f"file://{git}", "--deadline", "2m", "--kubeconfig", kubeconfig)
    ended = command("reconcile", *arguments, "--detailed-exitcode", "-o", "json")
    assert ended.code == 0, ended.err
    assert {each["result"] for each in ended.json["outcomes"]} == {"done"}
    assert [each.path for each in cluster.ours("PATCH")] == [CR, f"{VMS}/vm"]
    assert cluster.vmi("default", "vm")["status"]["memory"]["guestCurrent"] == "2Gi"
    for name in (CONFIG_LEASE, MEMORY_LEASE):
        assert cluster.lease(name)["spec"]["holderIdentity"] == ""
    reasons = {
        each["reason"]
        for namespace in ("default", "kubevirt")
        for each in cluster.get(f"{CORE}/{namespace}/events")["items"]
        if each["reportingComponent"] == "reconciler"
    }
    assert reasons == {"ConfigPatched", "MemoryPatched", "MemoryReached"}
    users = {each.user for each in cluster.ours()}
    assert users == {"system:serviceaccount:memory-reconciler:memory-reconciler"}
    refused = {each.path for each in cluster.ours() if each.status == 403}
    assert refused <= OPTIONAL


@pytest.fixture(scope="module")
def deployed(tmp_path_factory):
    """A cluster with the base deployment, and a token of the deployment's service account."""
    kubeconfig = tmp_path_factory.mktemp("deployed") / "kubeconfig"
    with serving(kubeconfig, "hotplug", rbac="enforced") as cluster:
        yield cluster, deploy(cluster, BASE)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/secrets"),
        ("GET", f"{CORE}/memory-reconciler/secrets/git-credentials"),
        ("GET", f"{CORE}/memory-reconciler/configmaps/git-askpass"),
        ("GET", f"{CORE}/default"),
        ("GET", f"{CORE}/default/pods/virt-launcher-vm/log"),
        ("DELETE", f"{CORE}/default/pods"),
        ("POST", f"{CORE}/default/pods"),
        ("PATCH", "/api/v1/nodes/node01"),
        ("DELETE", "/api/v1/nodes/node01"),
        ("POST", VMS),
        ("PUT", f"{VMS}/vm"),
        ("DELETE", f"{VMS}/vm"),
        ("DELETE", VMS),
        ("PATCH", f"{VMIS}/vm"),
        ("DELETE", f"{VMIS}/vm"),
        ("POST", MIGRATIONS),
        ("DELETE", MIGRATIONS),
        ("PUT", f"{ACTIONS}/virtualmachines/vm/restart"),
        ("PUT", f"{ACTIONS}/virtualmachineinstances/vm/pause"),
        ("POST", f"{KUBEVIRT}/namespaces/kubevirt/kubevirts"),
        ("PUT", CR),
        ("DELETE", CR),
        ("GET", LEASES.format("kubevirt")),
        ("GET", LEASES.format("kubevirt") + "/virt-controller"),
        ("PUT", LEASES.format("kubevirt") + "/virt-controller"),
        ("PATCH", LEASES.format("kubevirt") + f"/{CONFIG_LEASE}"),
        ("PATCH", LEASES.format("kubevirt") + f"/{MEMORY_LEASE}"),
        ("DELETE", LEASES.format("kubevirt") + f"/{MEMORY_LEASE}"),
        ("POST", LEASES.format("default")),
        ("GET", f"{CORE}/default/events"),
        ("POST", f"{CORE}/default/events"),
        ("PATCH", f"{RBAC}/clusterroles/reconciler-apply"),
        ("POST", f"{RBAC}/clusterrolebindings"),
        ("POST", f"{ACCOUNT}/token"),
        ("PATCH", "/apis/batch/v1/namespaces/memory-reconciler/cronjobs/memory-reconciler"),
    ],
)
def test_cronjob_service_account_is_denied_requests_that_reconcile_does_not_need(
    method, path, deployed
):
    cluster, token = deployed
    status, body = cluster.ask(method, path, {} if method != "GET" else None, token=token)
    assert (status, body["reason"]) == (403, "Forbidden")


def test_cronjob_service_account_cannot_impersonate_other_users(deployed):
    cluster, token = deployed
    someone = {"impersonate-user": "kubernetes-admin", "impersonate-group": "system:masters"}
    status, _ = cluster.ask("GET", "/api/v1/secrets", token=token, **someone)
    assert status == 403


def test_observe_service_account_can_plan_but_cannot_patch(serve, git, command, tmp_path):
    cluster = serve("hotplug", rbac="enforced")
    git.commit({"vm.yaml": vm_yaml("default", "vm", "2Gi")})
    token = deploy(cluster, DEPLOY / "overlays" / "observe")
    kubeconfig = cluster.credentials(tmp_path / "account", token)
    arguments = ("--repo", f"file://{git}", "--kubeconfig", kubeconfig)
    plan = command("plan", *arguments, "-o", "json")
    assert (plan.code, plan.json["summary"]) == (0, {"live": 1})
    assert command("reconcile", *arguments, "--mode", "observe").code == 0

    ended = command("reconcile", *arguments)
    assert ended.code == 1
    assert "the credentials lack" in ended.err
    assert "patch virtualmachines.kubevirt.io" in ended.err
    assert f"update leases.coordination.k8s.io {MEMORY_LEASE} in kubevirt" in ended.err
    assert CONFIG_LEASE not in ended.err, "the CR is as desired"
    assert cluster.writes() == []
    assert cluster.ask("PATCH", f"{VMS}/vm", {}, token=token)[0] == 403
