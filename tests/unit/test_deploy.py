"""examples/deploy has only the rights that it needs, and CronJob runs never overlap."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from kubernetes import client
from ruamel.yaml import YAML
from support.served import MEMORY_LEASE

from reconciler.app.leases import CONFIG_LEASE, memory_lease
from reconciler.model.shard import Shard

DEPLOY = Path(__file__).resolve().parents[2] / "examples" / "deploy"
BASE = DEPLOY / "base"
OVERLAYS = sorted((DEPLOY / "overlays").iterdir())

READ = ("get", "list", "watch")
KUBEVIRT = "kubevirt.io"
RIGHTS = {
    "reconciler-plan": {
        (KUBEVIRT, "kubevirts", "", READ),
        (KUBEVIRT, "virtualmachines", "", READ),
        (KUBEVIRT, "virtualmachineinstances", "", READ),
        (KUBEVIRT, "virtualmachineinstancemigrations", "", READ),
        ("", "nodes", "", READ),
        ("instancetype.kubevirt.io", "virtualmachineinstancetypes", "", ("list",)),
        ("instancetype.kubevirt.io", "virtualmachineclusterinstancetypes", "", ("list",)),
        ("", "pods", "", ("list",)),
        ("", "resourcequotas", "", ("list",)),
        ("migrations.kubevirt.io", "migrationpolicies", "", ("list",)),
        ("", "namespaces", "", ("list",)),
        ("", "namespaces", "kube-system", ("get",)),
    },
    "reconciler-apply": {
        (KUBEVIRT, "kubevirts", "", ("patch",)),
        (KUBEVIRT, "virtualmachines", "", ("patch",)),
        ("events.k8s.io", "events", "", ("create",)),
    },
    "reconciler-lease": {
        ("coordination.k8s.io", "leases", "", ("create",)),
        ("coordination.k8s.io", "leases", CONFIG_LEASE, ("get", "update")),
        ("coordination.k8s.io", "leases", MEMORY_LEASE, ("get", "update")),
    },
}
MODELS = {
    "Namespace": client.V1Namespace,
    "ServiceAccount": client.V1ServiceAccount,
    "ClusterRole": client.V1ClusterRole,
    "ClusterRoleBinding": client.V1ClusterRoleBinding,
    "Role": client.V1Role,
    "RoleBinding": client.V1RoleBinding,
    "ConfigMap": client.V1ConfigMap,
    "CronJob": client.V1CronJob,
}


def load(path: Path) -> list[dict]:
    return [document for document in YAML(typ="safe").load_all(path) if document]


def objects() -> list[dict]:
    (kustomization,) = load(BASE / "kustomization.yaml")
    return [each for name in kustomization["resources"] for each in load(BASE / name)]


def one(kind: str, name: str = "") -> dict:
    found = [o for o in objects() if o["kind"] == kind and name in ("", o["metadata"]["name"])]
    assert len(found) == 1
    return found[0]


def rights(role: dict) -> set[tuple[str, str, str, tuple[str, ...]]]:
    return {
        (group, resource, name, tuple(rule["verbs"]))
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", [""])
    }


def pod() -> dict:
    return one("CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def duration_s(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([smh])", text).groups()
    return int(number) * {"s": 1, "m": 60, "h": 3600}[unit]


def unknown_fields(value: object, model: str, where: str) -> list[str]:
    """Yield paths in *value* that the client's *model* of the Kubernetes API does not have."""
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


def test_deploy_base_kustomization_lists_every_file():
    (kustomization,) = load(BASE / "kustomization.yaml")
    files = {path.name for path in BASE.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(kustomization["resources"]) == files


@pytest.mark.parametrize(
    "manifest", objects(), ids=lambda o: f"{o['kind']}-{o['metadata']['name']}"
)
def test_deploy_manifest_has_only_fields_of_the_kubernetes_api(manifest):
    model = MODELS[manifest["kind"]].__name__
    assert unknown_fields(manifest, model, manifest["kind"]) == []


def test_misspelled_manifest_field_is_reported():
    cronjob = one("CronJob")
    cronjob["spec"]["jobTemplate"]["spec"]["backofLimit"] = 0
    assert unknown_fields(cronjob, "V1CronJob", "") == [".spec.jobTemplate.spec.backofLimit"]


@pytest.mark.parametrize("name", RIGHTS)
def test_role_has_only_the_rights_that_it_needs(name):
    (role,) = (
        o for o in objects() if o["kind"].endswith("Role") and o["metadata"]["name"] == name
    )
    assert rights(role) == RIGHTS[name]


def test_deploy_base_has_only_the_known_roles():
    roles = {o["metadata"]["name"] for o in objects() if o["kind"] in {"Role", "ClusterRole"}}
    assert roles == set(RIGHTS)


def test_role_is_bound_only_to_the_service_account():
    account = one("ServiceAccount")["metadata"]
    bindings = [o for o in objects() if o["kind"].endswith("Binding")]
    assert {each["roleRef"]["name"] for each in bindings} == set(RIGHTS)
    for each in bindings:
        assert each["kind"] == each["roleRef"]["kind"] + "Binding"
        subject = {k: account[k] for k in ("name", "namespace")} | {"kind": "ServiceAccount"}
        assert each["subjects"] == [subject]


def test_lease_role_is_in_the_namespace_of_the_kubevirt_cr():
    assert one("Role")["metadata"]["namespace"] == "kubevirt"
    assert one("RoleBinding")["metadata"]["namespace"] == "kubevirt"


def test_cronjob_runs_never_overlap_and_are_not_retried():
    spec = one("CronJob")["spec"]
    job = spec["jobTemplate"]["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    assert job["backoffLimit"] == 0
    assert job["template"]["spec"]["restartPolicy"] == "Never"


def test_pass_deadline_is_before_the_job_deadline_and_the_next_start():
    spec = one("CronJob")["spec"]
    args = pod()["containers"][0]["args"]
    deadline = duration_s(args[args.index("--deadline") + 1])
    minutes = re.fullmatch(r"\*/(\d+) \* \* \* \*", spec["schedule"]).group(1)
    active = spec["jobTemplate"]["spec"]["activeDeadlineSeconds"]
    assert deadline + pod()["terminationGracePeriodSeconds"] < active < int(minutes) * 60


def test_cronjob_runs_one_pass_of_reconcile():
    args = pod()["containers"][0]["args"]
    assert args[0] == "reconcile"
    assert {"--repo", "--deadline", "--log-format"} <= set(args)


def test_cronjob_pod_meets_the_restricted_pod_security_standard():
    security = pod()["securityContext"]
    (container,) = pod()["containers"]
    assert security["runAsNonRoot"] is True
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert one("Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == (
        "restricted"
    )


def test_cronjob_pod_writes_only_to_an_empty_dir():
    (container,) = pod()["containers"]
    writable = [m["name"] for m in container["volumeMounts"] if not m.get("readOnly")]
    assert writable == ["clone"]
    assert "emptyDir" in next(v for v in pod()["volumes"] if v["name"] == "clone")


def test_git_credentials_are_read_from_a_secret_through_askpass():
    (container,) = pod()["containers"]
    environment = {each["name"]: each for each in container["env"]}
    mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    script = one("ConfigMap", "git-askpass")["data"]["askpass"]
    assert environment["GIT_ASKPASS"]["value"] == f"{mounts['askpass']}/askpass"
    assert f"{mounts['git-credentials']}/password" in script
    assert not any("valueFrom" in each for each in container["env"])


def test_askpass_script_answers_each_prompt_from_its_file(tmp_path):
    (tmp_path / "username").write_text("bot")
    (tmp_path / "password").write_text("s3cret")
    script = one("ConfigMap", "git-askpass")["data"]["askpass"]
    path = tmp_path / "askpass"
    path.write_text(script.replace("/var/run/secrets/git", str(tmp_path)))

    def ask(question: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["sh", path, question], capture_output=True, text=True, check=False)

    assert ask("Username for 'https://git.example.com': ").stdout == "bot"
    assert ask("Password for 'https://bot@git.example.com': ").stdout == "s3cret"
    assert ask("Are you sure you want to continue connecting?").returncode == 1


def rendered(folder: Path) -> list[dict]:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl renders the overlays, and is not on PATH")
    result = subprocess.run([kubectl, "kustomize", folder], capture_output=True, check=True)
    return [document for document in YAML(typ="safe").load_all(result.stdout) if document]


def test_deploy_base_renders_each_object_in_its_namespace():
    places = {
        (o["kind"], o["metadata"]["name"], o["metadata"].get("namespace")) for o in rendered(BASE)
    }
    assert places == {
        (o["kind"], o["metadata"]["name"], o["metadata"].get("namespace")) for o in objects()
    }


def test_observe_overlay_only_plans_and_has_no_right_to_write():
    seen = rendered(DEPLOY / "overlays" / "observe")
    roles = [o for o in seen if o["kind"] in {"Role", "ClusterRole"}]
    verbs = {verb for role in roles for rule in role["rules"] for verb in rule["verbs"]}
    (cronjob,) = (o for o in seen if o["kind"] == "CronJob")
    (container,) = cronjob["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert verbs == set(READ)
    assert container["args"][0] == "plan"


@pytest.mark.parametrize(
    ("overlay", "right"),
    [
        ("create", (KUBEVIRT, "virtualmachines", "", ("create",))),
        ("restart", (f"subresources.{KUBEVIRT}", "virtualmachines/restart", "", ("update",))),
    ],
)
def test_create_or_restart_overlay_adds_exactly_one_right(overlay, right):
    seen = rendered(DEPLOY / "overlays" / overlay)
    found = {
        o["metadata"]["name"]: rights(o) for o in seen if o["kind"] in {"Role", "ClusterRole"}
    }
    expected = {name: set(value) for name, value in RIGHTS.items()}
    expected["reconciler-apply"].add(right)
    assert found == expected


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.name)
def test_deploy_overlay_extends_the_base(overlay):
    (kustomization,) = load(overlay / "kustomization.yaml")
    assert kustomization["resources"] == ["../../base"]


def test_shards_overlay_assigns_each_pod_its_shard_and_lease():
    seen = rendered(DEPLOY / "overlays" / "shards")
    (cronjob,) = (o for o in seen if o["kind"] == "CronJob")
    job = cronjob["spec"]["jobTemplate"]["spec"]
    total = job["completions"]
    assert (job["completionMode"], job["parallelism"]) == ("Indexed", total)
    assert ("backoffLimit" in job, job["backoffLimitPerIndex"]) == (False, 0)
    arguments = job["template"]["spec"]["containers"][0]["args"]
    assert arguments[-2:] == ["--shard", f"$(JOB_COMPLETION_INDEX)/{total}"]
    (role,) = (o for o in seen if o["kind"] == "Role")
    leases = {memory_lease(Shard(index=index, total=total)) for index in range(total)}
    assert set(role["rules"][1]["resourceNames"]) == {CONFIG_LEASE, *leases}
