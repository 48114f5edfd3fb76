"""The manifests in examples/deploy: permissions, pod security, network policy and CronJobs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest
import typer
from kubernetes import client
from ruamel.yaml import YAML
from support.deployment import BASE, DEPLOY, OVERLAYS, identity, load, render
from support.served import EXAMPLES

from reconciler.app.execution.leases import CONFIG_LEASE, SERVE_LEASE, memory_lease, serve_lease
from reconciler.cli.main import app
from reconciler.model.shard import Shard
from reconciler.plan.kubevirt.owners.owner_table import OWNERS
from reconciler.schema.check import check

every_kustomization = pytest.mark.parametrize("folder", [BASE, *OVERLAYS], ids=lambda p: p.name)

KUBEVIRT = "kubevirt.io"
READ_ONLY = {"get", "list", "watch"}
MODELS = {
    "Namespace": client.V1Namespace,
    "NetworkPolicy": client.V1NetworkPolicy,
    "ServiceAccount": client.V1ServiceAccount,
    "ClusterRole": client.V1ClusterRole,
    "ClusterRoleBinding": client.V1ClusterRoleBinding,
    "Role": client.V1Role,
    "RoleBinding": client.V1RoleBinding,
    "ConfigMap": client.V1ConfigMap,
    "CronJob": client.V1CronJob,
    "Deployment": client.V1Deployment,
    "PodDisruptionBudget": client.V1PodDisruptionBudget,
    "Service": client.V1Service,
}
VOLUMES = {"configMap", "downwardAPI", "emptyDir", "projected", "secret"}
"""The volume types of the restricted Pod Security Standard that CronJobs are allowed to use."""


def objects() -> list[dict]:
    return render(BASE)


def of_kind(manifests: list[dict], kind: str) -> list[dict]:
    return [each for each in manifests if each["kind"] == kind]


def roles(manifests: list[dict]) -> list[dict]:
    return of_kind(manifests, "ClusterRole") + of_kind(manifests, "Role")


def one(kind: str, name: str = "") -> dict:
    found = [o for o in objects() if o["kind"] == kind and name in ("", o["metadata"]["name"])]
    assert len(found) == 1
    return found[0]


def rights(manifests: list[dict]) -> set[tuple[str, ...]]:
    """Return each RBAC permission as role, API group, resource, object name and verb."""
    return {
        (role["metadata"]["name"], group, resource, name, verb)
        for role in roles(manifests)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", [""])
        for verb in rule["verbs"]
    }


def documented(text: str) -> set[tuple[str, ...]]:
    """Return the permissions in the table of the documentation, in the format of ``rights``."""
    found, role, group = set(), "", ""
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) != 5 or not cells[2].startswith("`"):
            continue
        role, group = cells[0].strip("`") or role, cells[1].strip("`") or group
        resources, _, names = cells[2].partition(" named ")
        found |= {
            (role, "" if group == "core" else group, resource, name, verb)
            for resource in re.findall(r"`([^`]+)`", resources)
            for name in re.findall(r"`([^`]+)`", names) or [""]
            for verb in cells[3].split(", ")
        }
    return found


def workload_of(manifests: list[dict]) -> dict:
    """Return the only workload, or the one of shard 0; those of all shards are alike."""
    found, *_ = of_kind(manifests, "CronJob") + of_kind(manifests, "Deployment")
    return found


def pod_of(manifests: list[dict]) -> dict:
    spec = workload_of(manifests)["spec"]
    return spec.get("jobTemplate", {"spec": spec})["spec"]["template"]["spec"]


def pod() -> dict:
    return pod_of(objects())


def duration_s(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([smh])", text).groups()
    return int(number) * {"s": 1, "m": 60, "h": 3600}[unit]


def unknown_fields(value: object, model: str, where: str) -> list[str]:
    """Yield paths in *value* that do not exist in the client's *model* of the Kubernetes API."""
    if model.startswith("list["):
        return [
            path
            for index, item in enumerate(value)
            for path in unknown_fields(item, model[5:-1], f"{where}[{index}]")
        ]
    cls = getattr(client, model, None)
    if cls is None or not isinstance(value, dict):
        return []
    types = {json: cls.openapi_types[name] for name, json in cls.attribute_map.items()}
    return [
        path
        for key, item in value.items()
        for path in (
            unknown_fields(item, types[key], f"{where}.{key}")
            if key in types
            else [f"{where}.{key}"]
        )
    ]


def test_base_kustomization_lists_every_file_of_its_directory():
    (kustomization,) = load(BASE / "kustomization.yaml")
    files = {path.name for path in BASE.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(kustomization["resources"]) == files


@every_kustomization
def test_deployment_manifest_has_only_fields_of_the_kubernetes_api(folder):
    unknown = [
        path
        for manifest in render(folder)
        for path in unknown_fields(
            manifest, MODELS[manifest["kind"]].__name__, "/".join(identity(manifest))
        )
    ]
    assert unknown == []


def test_check_of_deployment_manifests_finds_a_misspelled_field():
    cronjob = one("CronJob")
    cronjob["spec"]["jobTemplate"]["spec"]["backofLimit"] = 0
    assert unknown_fields(cronjob, "V1CronJob", "") == [".spec.jobTemplate.spec.backofLimit"]


def test_permission_table_in_the_documentation_equals_the_rbac_rules_of_the_base_deployment():
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    table = text.split("Permissions of the base")[1].split("Permissions that an overlay adds")[0]
    assert documented(table) == rights(objects())


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.name)
def test_permission_table_in_the_documentation_equals_the_rbac_rules_that_an_overlay_adds(overlay):
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    table = text.split("Permissions that an overlay adds")[1].split("\n## ")[0]
    added = {each[1:] for each in rights(render(overlay)) - rights(objects())}
    found = {each[1:] for each in documented(table) if each[0] == overlay.name}
    assert found == added


def test_deployed_role_is_bound_only_to_the_service_account():
    account = one("ServiceAccount")["metadata"]
    bindings = [o for o in objects() if o["kind"].endswith("Binding")]
    assert {each["roleRef"]["name"] for each in bindings} == {
        each["metadata"]["name"] for each in roles(objects())
    }
    for each in bindings:
        assert each["kind"] == each["roleRef"]["kind"] + "Binding"
        subject = {k: account[k] for k in ("name", "namespace")} | {"kind": "ServiceAccount"}
        assert each["subjects"] == [subject]


def test_deployed_role_for_leases_is_in_the_namespace_of_the_kubevirt_cr():
    assert one("Role")["metadata"]["namespace"] == "kubevirt"
    assert one("RoleBinding")["metadata"]["namespace"] == "kubevirt"


def test_cronjob_runs_never_overlap_and_are_not_retried():
    spec = one("CronJob")["spec"]
    job = spec["jobTemplate"]["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    assert job["backoffLimit"] == 0
    assert job["template"]["spec"]["restartPolicy"] == "Never"


def test_run_deadline_is_before_the_job_deadline_and_the_next_cronjob_start():
    spec = one("CronJob")["spec"]
    args = pod()["containers"][0]["args"]
    deadline = duration_s(args[args.index("--deadline") + 1])
    minutes = re.fullmatch(r"\*/(\d+) \* \* \* \*", spec["schedule"]).group(1)
    active = spec["jobTemplate"]["spec"]["activeDeadlineSeconds"]
    assert deadline + pod()["terminationGracePeriodSeconds"] < active < int(minutes) * 60


def test_cronjob_runs_the_reconcile_command_once():
    args = pod()["containers"][0]["args"]
    assert args[0] == "reconcile"
    assert {"--repo", "--deadline", "--log-format"} <= set(args)


@every_kustomization
def test_deployed_pod_meets_the_restricted_pod_security_standard(folder):
    manifests = render(folder)
    (namespace,) = of_kind(manifests, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    spec = pod_of(manifests)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not spec.keys() & {"hostNetwork", "hostPID", "hostIPC", "ephemeralContainers"}
    assert {key for volume in spec["volumes"] for key in volume.keys() - {"name"}} <= VOLUMES
    for container in spec["containers"] + spec.get("initContainers", []):
        assert not any("hostPort" in each for each in container.get("ports", ()))
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


@every_kustomization
def test_network_policy_applies_to_the_deployed_pod_and_limits_its_connections(folder):
    manifests = render(folder)
    policies = {each["metadata"]["name"]: each for each in of_kind(manifests, "NetworkPolicy")}
    namespaces = {each["metadata"]["namespace"] for each in policies.values()}
    assert namespaces == {workload_of(manifests)["metadata"]["namespace"]}
    spec = policies["memory-reconciler"]["spec"]
    assert spec["podSelector"] == {}, "every pod of the namespace is selected"
    assert set(spec["policyTypes"]) == {"Ingress", "Egress"}
    assert spec["ingress"] == []
    ports = {(p["protocol"], p["port"]) for rule in spec["egress"] for p in rule["ports"]}
    assert ports == {("UDP", 53), ("TCP", 53), ("TCP", 443), ("TCP", 6443), ("TCP", 22)}
    assert len(policies) == 1 or folder.name.startswith("serve")


@every_kustomization
def test_deployed_container_writes_only_to_an_empty_dir(folder):
    spec = pod_of(render(folder))
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    for container in spec["containers"] + spec.get("initContainers", []):
        writable = [m["name"] for m in container["volumeMounts"] if not m.get("readOnly")]
        assert writable
        assert all("emptyDir" in volumes[name] for name in writable)


def test_git_credentials_are_read_from_a_mounted_secret():
    (container,) = pod()["containers"]
    environment = {each["name"]: each for each in container["env"]}
    mounts = {each["name"]: each for each in container["volumeMounts"]}
    assert (
        environment["RECONCILER_GIT_CREDENTIALS"]["value"]
        == mounts["git-credentials"]["mountPath"]
    )
    assert mounts["git-credentials"]["readOnly"]
    assert not any("valueFrom" in each for each in container["env"])


def rendering() -> tuple[dict, str]:
    """Return the init container that runs kustomize, and its Git askpass script."""
    manifests = render(DEPLOY / "overlays" / "kustomize")
    (container,) = pod_of(manifests)["initContainers"]
    (script,) = (
        each["data"]["askpass"]
        for each in manifests
        if each["kind"] == "ConfigMap" and each["metadata"]["name"] == "git-askpass"
    )
    return container, script


def test_kustomize_container_reads_git_credentials_from_a_secret_through_askpass():
    container, script = rendering()
    environment = {each["name"]: each for each in container["env"]}
    mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    assert environment["GIT_ASKPASS"]["value"] == f"{mounts['askpass']}/askpass"
    assert f"{mounts['git-credentials']}/password" in script
    assert not any("valueFrom" in each for each in container["env"])


def test_git_askpass_script_returns_the_user_name_or_password_from_the_matching_file(tmp_path):
    (tmp_path / "username").write_text("bot")
    (tmp_path / "password").write_text("s3cret")
    _, script = rendering()
    path = tmp_path / "askpass"
    path.write_text(script.replace("/var/run/secrets/git", str(tmp_path)))

    def ask(question: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["sh", path, question], capture_output=True, text=True, check=False)

    assert ask("Username for 'https://git.example.com': ").stdout == "bot"
    assert ask("Password for 'https://bot@git.example.com': ").stdout == "s3cret"
    assert ask("Are you sure you want to continue connecting?").returncode == 1


@every_kustomization
def test_deployed_container_has_valid_options(folder):
    (container,) = pod_of(render(folder))["containers"]
    command, *arguments = container["args"]
    given = [each.replace("$(JOB_COMPLETION_INDEX)", "0") for each in arguments]
    # A usage error would be raised here; the command does not run.
    typer.main.get_command(app).commands[command].make_context(command, given)


@every_kustomization
def test_kustomize_renderer_of_the_tests_returns_the_objects_that_kustomize_prints(folder):
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not on PATH")
    result = subprocess.run([kubectl, "kustomize", folder], capture_output=True, check=True)
    printed = [each for each in YAML(typ="safe").load_all(result.stdout) if each]
    assert sorted(printed, key=identity) == sorted(render(folder), key=identity)


def test_observe_overlay_only_runs_plans_and_grants_no_write_permission():
    manifests = render(DEPLOY / "overlays" / "observe")
    assert {right[-1] for right in rights(manifests)} == READ_ONLY
    assert rights(manifests) < rights(objects())
    assert len(of_kind(manifests, "ClusterRoleBinding")) == 1
    assert of_kind(manifests, "RoleBinding") == []
    (container,) = pod_of(manifests)["containers"]
    assert container["args"][0] == "plan"


@pytest.mark.parametrize(
    ("overlay", "added"),
    [
        ("create", {(KUBEVIRT, "virtualmachines", "", "create")}),
        (
            "restart",
            {
                (KUBEVIRT, "virtualmachines", "", "get"),
                (f"subresources.{KUBEVIRT}", "virtualmachines/restart", "", "update"),
            },
        ),
        ("kustomize", set()),
    ],
)
def test_deployment_overlay_adds_only_the_permissions_that_it_needs(overlay, added):
    expected = rights(objects()) | {("reconciler-apply", *each) for each in added}
    assert rights(render(DEPLOY / "overlays" / overlay)) == expected


def serve_objects() -> list[dict]:
    return render(DEPLOY / "overlays" / "serve")


def test_serve_overlay_adds_only_the_permission_for_its_own_lease():
    lease = ("coordination.k8s.io", "leases", SERVE_LEASE)
    added = {("reconciler-lease", *lease, verb) for verb in ("get", "update")}
    assert rights(serve_objects()) == rights(objects()) | added


def test_serve_overlay_runs_two_serve_replicas_instead_of_the_cronjob():
    manifests = serve_objects()
    (deployment,) = of_kind(manifests, "Deployment")
    assert of_kind(manifests, "CronJob") == []
    assert deployment["spec"]["replicas"] == 2
    template, selector = deployment["spec"]["template"], deployment["spec"]["selector"]
    assert selector["matchLabels"] == template["metadata"]["labels"]
    assert pod_of(manifests)["containers"][0]["args"][0] == "serve"
    (budget,) = of_kind(manifests, "PodDisruptionBudget")
    assert budget["spec"]["selector"] == selector
    assert budget["spec"]["maxUnavailable"] == 1


def test_serve_pod_differs_from_the_cronjob_pod_only_in_what_serve_needs():
    old, new = pod(), pod_of(serve_objects())
    assert new.keys() - old.keys() == {"topologySpreadConstraints"}
    assert old.keys() - new.keys() == {"restartPolicy"}
    (before,), (after,) = old["containers"], new["containers"]
    assert after.keys() - before.keys() == {"ports", "livenessProbe", "readinessProbe"}
    for key in ("image", "env", "resources", "securityContext"):
        assert after[key] == before[key]


def test_services_for_webhooks_and_the_page_include_a_serve_pod_that_is_not_ready():
    services = of_kind(serve_objects(), "Service")
    assert {each["spec"].get("publishNotReadyAddresses") for each in services} == {True}


def test_deployed_probes_and_services_use_ports_on_which_serve_listens():
    manifests = serve_objects()
    (container,) = pod_of(manifests)["containers"]
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    arguments = dict(zip(container["args"][1::2], container["args"][2::2], strict=True))
    assert arguments["--listen"] == f"0.0.0.0:{ports['http']}"
    assert arguments["--hooks-listen"] == f"0.0.0.0:{ports['hooks']}"
    probes = {each: container[each]["httpGet"] for each in ("livenessProbe", "readinessProbe")}
    assert probes == {
        "livenessProbe": {"path": "/healthz", "port": "http"},
        "readinessProbe": {"path": "/readyz", "port": "http"},
    }
    labels = workload_of(manifests)["spec"]["template"]["metadata"]["labels"]
    for service in of_kind(manifests, "Service"):
        assert service["spec"]["selector"] == labels
        (port,) = service["spec"]["ports"]
        assert port["targetPort"] in ports
        assert service["spec"]["type"] == "ClusterIP"


def test_deployed_serve_reads_webhook_secrets_from_a_mounted_secret():
    (container,) = pod_of(serve_objects())["containers"]
    mounts = {each["name"]: each for each in container["volumeMounts"]}
    arguments = dict(zip(container["args"][1::2], container["args"][2::2], strict=True))
    assert arguments["--hook-secrets"] == mounts["webhooks"]["mountPath"]
    assert mounts["webhooks"]["readOnly"]
    (volume,) = (each for each in pod_of(serve_objects())["volumes"] if each["name"] == "webhooks")
    assert volume["secret"]["optional"]


def test_network_policy_opens_only_the_webhook_port_to_every_client():
    policies = {
        each["metadata"]["name"]: each for each in of_kind(serve_objects(), "NetworkPolicy")
    }
    labels = workload_of(serve_objects())["spec"]["template"]["metadata"]["labels"]
    opened = {}
    for name, each in policies.items():
        assert each["spec"]["podSelector"].get("matchLabels", {}).items() <= labels.items()
        for rule in each["spec"].get("ingress", ()):
            opened[name] = ([port["port"] for port in rule["ports"]], "from" in rule)
    assert opened == {
        "memory-reconciler-hooks": (["hooks"], False),
        "memory-reconciler-face": (["http"], True),
    }
    (egress,) = policies["memory-reconciler-alerts"]["spec"]["egress"]
    assert [each["port"] for each in egress["ports"]] == [9090, 9093]
    assert egress["to"], "only the namespace of Prometheus"


def test_service_monitor_selects_the_service_that_exposes_the_metrics():
    (monitor,) = load(EXAMPLES / "monitoring" / "servicemonitor.yaml")
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    (service,) = (
        each
        for each in of_kind(serve_objects(), "Service")
        if wanted <= each["metadata"]["labels"].items()
    )
    assert [each["port"] for each in monitor["spec"]["endpoints"]] == [
        each["name"] for each in service["spec"]["ports"]
    ]


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.name)
def test_deployment_overlay_extends_the_base_or_the_serve_overlay(overlay):
    (kustomization,) = load(overlay / "kustomization.yaml")
    files = {path.name for path in overlay.glob("*.yaml")} - {"kustomization.yaml"}
    patches = {each["path"] for each in kustomization.get("patches", ()) if "path" in each}
    extended = "../serve" if overlay.name.startswith("serve-") else "../../base"
    assert set(kustomization["resources"]) | patches == {extended, *files}


WRITABLE = {each.name.lower(): each.reads for each in OWNERS if each.reads is not None}


@pytest.mark.parametrize("owner", WRITABLE)
def test_hyperconverged_and_harvester_overlays_permit_reading_and_patching_the_owner_object(owner):
    kind = WRITABLE[owner]
    added = rights(render(DEPLOY / "overlays" / owner)) - rights(objects())
    verbs = {*(["get"] if kind.only else ["list", "watch"]), "patch"}
    assert {each[1:] for each in added if each[1] == kind.group} == {
        (kind.group, kind.plural, kind.only, verb) for verb in verbs
    }


@pytest.mark.parametrize("owner", WRITABLE)
def test_serve_overlay_for_hyperconverged_or_harvester_grants_the_permissions_of_both_overlays(
    owner,
):
    overlays = DEPLOY / "overlays"
    base, serve = rights(objects()), rights(serve_objects())
    with_owner = rights(render(overlays / owner))
    assert rights(render(overlays / f"serve-{owner}")) == with_owner | (serve - base)
    leases = [
        role["metadata"]["namespace"]
        for role in of_kind(render(overlays / f"serve-{owner}"), "Role")
    ]
    assert leases != ["kubevirt"]


def test_serve_overlay_with_notifications_mounts_the_notify_file():
    manifests = render(DEPLOY / "overlays" / "serve-notify")
    assert rights(manifests) == rights(serve_objects())
    (container,) = pod_of(manifests)["containers"]
    arguments = dict(zip(container["args"][1::2], container["args"][2::2], strict=True))
    mounts = {each["name"]: each for each in container["volumeMounts"]}
    assert arguments["--notify"] == f"{mounts['notify']['mountPath']}/notify.yaml"
    assert mounts["notify"]["readOnly"]


def test_shards_overlay_assigns_each_pod_its_shard_and_lease():
    manifests = render(DEPLOY / "overlays" / "shards")
    (cronjob,) = of_kind(manifests, "CronJob")
    job = cronjob["spec"]["jobTemplate"]["spec"]
    total = job["completions"]
    assert (job["completionMode"], job["parallelism"]) == ("Indexed", total)
    assert ("backoffLimit" in job, job["backoffLimitPerIndex"]) == (False, 0)
    arguments = job["template"]["spec"]["containers"][0]["args"]
    assert arguments[-2:] == ["--shard", f"$(JOB_COMPLETION_INDEX)/{total}"]
    (role,) = of_kind(manifests, "Role")
    leases = {memory_lease(Shard(index=index, total=total)) for index in range(total)}
    assert set(role["rules"][1]["resourceNames"]) == {CONFIG_LEASE, *leases}


def test_kustomize_overlay_runs_reconcile_with_the_rendered_file_and_a_configuration():
    manifests = render(DEPLOY / "overlays" / "kustomize")
    spec = pod_of(manifests)
    (renderer,), (container,) = spec["initContainers"], spec["containers"]
    mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    arguments = dict(zip(container["args"][1::2], container["args"][2::2], strict=True))
    assert container["args"][0] == "reconcile"
    assert arguments["--filename"] == renderer["args"][-1]
    assert arguments["--filename"].startswith(mounts["desired"])
    assert arguments["--config"] == f"{mounts['reconciler-config']}/config.yaml"
    (config,) = (o for o in manifests if o["metadata"]["name"] == "reconciler-config")
    assert check(YAML(typ="safe").load(config["data"]["config.yaml"]), "config") == ()


def test_kustomize_overlay_mounts_each_credential_only_where_it_is_needed():
    spec = pod_of(render(DEPLOY / "overlays" / "kustomize"))
    (renderer,), (container,) = spec["initContainers"], spec["containers"]
    mounted = [{m["name"] for m in each["volumeMounts"]} for each in (renderer, container)]
    assert spec["automountServiceAccountToken"] is False
    assert [("service-account" in each, "git-credentials" in each) for each in mounted] == [
        (False, True),
        (True, False),
    ]


def test_serve_shards_overlay_runs_each_shard_with_labels_services_and_leases_of_its_own():
    manifests = render(DEPLOY / "overlays" / "serve-shards")
    names = {"Deployment": "memory-reconciler", "Service": "memory-reconciler-hooks"}
    for kind, name in names.items():
        found = {each["metadata"]["name"]: each for each in of_kind(manifests, kind)}
        first, second = found[name], found[f"{name}-1"]
        assert in_shard(second, "1", name) == in_shard(first, "0", name), kind
    (role,) = of_kind(manifests, "Role")
    shards = [Shard(index=index, total=2) for index in range(2)]
    leases = {lease(each) for each in shards for lease in (memory_lease, serve_lease)}
    assert set(role["rules"][1]["resourceNames"]) == {CONFIG_LEASE, *leases}


def in_shard(manifest, number, name):
    """Return a manifest as text without its name and shard number, which must be everywhere."""
    text = json.dumps(manifest, sort_keys=True)
    key = f'"memory.reconciler.dev/shard": "{number}"'
    assert text.count(key) == {"Deployment": 4, "Service": 2}[manifest["kind"]]
    suffix = "-1" if number == "1" else ""
    text = text.replace(key, "SHARD").replace(f'"--shard", "{number}/2"', "SHARD")
    return text.replace(f'"name": "{name}{suffix}"', "NAME").replace(f'"name": "{name}"', "NAME")
