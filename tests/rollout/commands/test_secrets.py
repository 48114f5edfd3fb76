"""Commands never print tokens, or passwords from URLs and manifests."""

from __future__ import annotations

import json

import pytest
import yaml
from support.simulated import vm_yaml

TOKEN = "t0ken-never-to-be-seen"
PASSWORD = "passw0rd-never-to-be-seen"
SECRETS = (TOKEN, PASSWORD)


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize("name", ["plan", "apply", "status", "snapshot"])
def test_kubeconfig_token_is_never_printed_on_success(
    name, log_format, serve, git, command, tmp_path
):
    git.commit({"vm.yaml": vm_yaml("default", "vm", "2Gi")})
    tokens = {TOKEN: {"user": "somebody", "groups": ["system:masters"]}}
    cluster = serve("hotplug", rbac="enforced", tokens=tokens)
    kubeconfig = cluster.credentials(tmp_path / "config", TOKEN)
    source = [] if name == "snapshot" else ["--repo", git]
    source += ["--yes"] if name == "apply" else []
    flags = ("-vv", "--log-format", log_format, "--kubeconfig", kubeconfig)
    ended = command(name, *source, *flags)
    assert ended.code == 0
    assert {each.user for each in cluster.ours()} == {"somebody"}
    assert [each for each in SECRETS if each in ended.out + ended.err] == []


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize(
    ("token", "code"),
    [(TOKEN, 401), (f"{TOKEN} with a blank", 401), (f'{TOKEN}\\n"', 401), ("someone-known", 403)],
    ids=["unknown", "blank", "quote and line break", "forbidden"],
)
def test_kubeconfig_token_is_never_printed_when_the_server_rejects_the_token(
    token, code, log_format, serve, git, command, tmp_path
):
    git.commit({"vm.yaml": vm_yaml("default", "vm", "2Gi")})
    cluster = serve("hotplug", rbac="enforced", tokens={"someone-known": {"user": "somebody"}})
    kubeconfig = cluster.credentials(tmp_path / "config", token)
    flags = ("-vv", "--log-format", log_format, "--kubeconfig", kubeconfig)
    ended = command("apply", "--yes", "--repo", git, *flags)
    assert (ended.code, ended.out) == (1, "")
    # Every user whose token is known may list the API groups.
    assert {each.status for each in cluster.ours() if each.path != "/apis"} <= {code}
    assert [each for each in (TOKEN, "someone-known") if each in ended.err] == []


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize("name", ["plan", "reconcile", "validate"])
def test_password_in_a_repository_url_is_never_printed(name, log_format, command, monkeypatch):
    address = f"https://robot:{PASSWORD}@127.0.0.1:9/vms.git"
    flags = ("-vv", "--log-format", log_format)
    on_command_line = command(name, "--repo", address, *flags)
    assert (on_command_line.code, on_command_line.out) == (64, "")
    assert "set the environment variable RECONCILER_REPO" in on_command_line.err
    monkeypatch.setenv("RECONCILER_REPO", address)
    ended = command(name, *flags)
    assert (ended.code, ended.out) == (1, "")
    assert "https://127.0.0.1:9/vms.git cannot be fetched" in ended.err
    monkeypatch.setenv("RECONCILER_REPO", f"{address}?private_token={TOKEN}")
    with_query = command(name, *flags)
    assert (with_query.code, with_query.out) == (1, "")
    assert "https://127.0.0.1:9/vms.git has a query or a fragment" in with_query.err
    printed = on_command_line.err + ended.err + with_query.err
    assert [each for each in (*SECRETS, "robot") if each in printed] == []


CONFIG = "apiVersion: reconciler/v1alpha1\nkind: Config\ncreate: true\n"


def new_vm() -> str:
    """The manifest of a VM to create, whose cloud-init user data contains a password."""
    cloud_init = {"userData": f"#cloud-config\npassword: {PASSWORD}\n"}
    volumes = [{"name": "init", "cloudInitNoCloud": cloud_init}]
    disks = [{"name": "init", "disk": {"bus": "virtio"}}]
    domain = {"memory": {"guest": "1Gi"}, "devices": {"disks": disks}}
    made = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"namespace": "default", "name": "new"},
        "spec": {
            "runStrategy": "Always",
            "template": {"spec": {"domain": domain, "volumes": volumes}},
        },
    }
    return yaml.safe_dump(made)


@pytest.mark.parametrize("shown", ["json", "text"])
def test_manifest_of_a_created_vm_never_appears_in_a_plan_report_trace_or_log(
    shown, serve, git, command, tmp_path
):
    git.commit({"vm.yaml": new_vm(), ".reconciler.yaml": CONFIG})
    cluster = serve("hotplug")
    plan, report, trace = (tmp_path / name for name in ("plan.json", "report.json", "trace"))
    look = ("-vv", "-o", shown)
    planned = command("plan", "--repo", git, *look, "--out", plan, on=cluster)
    leave = ("--report", report, "--trace", trace)
    ended = command("apply", "--repo", git, "--plan", plan, *look, *leave, on=cluster)
    assert (planned.code, ended.code) == (0, 0)
    made = cluster.get("/apis/kubevirt.io/v1/namespaces/default/virtualmachines/new")
    assert PASSWORD in json.dumps(made), "the VM was created with its password"
    printed = (planned.out, planned.err, ended.out, ended.err)
    left = [each.read_text() for each in (plan, report, trace)]
    assert [each for each in (*printed, *left) if PASSWORD in each] == []
    (entry,) = json.loads(plan.read_text())["objects"]
    (change,) = entry["changes"]
    assert (change["field"].rpartition(".")[2], change["from"], change["to"]) == (
        "guest",
        None,
        "1Gi",
    )


def test_approval_to_create_a_vm_is_stale_after_the_vm_manifest_changes(
    serve, git, command, tmp_path
):
    git.commit({"vm.yaml": new_vm(), ".reconciler.yaml": CONFIG})
    cluster = serve("hotplug")
    plan = tmp_path / "plan.json"
    assert command("plan", "--repo", git, "--out", plan, on=cluster).code == 0
    git.commit({"vm.yaml": new_vm().replace(PASSWORD, "an0ther")})
    ended = command(
        "apply", "--repo", git, "--revision", "HEAD", "--plan", plan, "-o", "json", on=cluster
    )
    assert ended.code == 8
    assert cluster.ours("POST", "/virtualmachines") == []
    assert "an0ther" not in ended.out + ended.err
