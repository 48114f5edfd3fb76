"""Tests the files that the options --report and --trace write, for each way a run can end."""

from __future__ import annotations

import json
import signal

import pytest
from support.schemas import check_document
from support.served import line_with, process
from support.simulated import vm_yaml

ASK_2GI = vm_yaml("default", "vm", "2Gi")
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kubevirt/leases"
WINDOWS = """\
apiVersion: reconciler/v1alpha1
kind: Config
windows:
  - {kind: deny, cron: "* * * * *", duration: 24h}
"""
INVALID_CONFIG = "apiVersion: reconciler/v1alpha1\nkind: Config\nmode: other\n"


def valid(text: str, schema: str):
    """Parse *text*, validate it against the published *schema*, and return the document."""
    document = json.loads(text)
    check_document(document, schema)
    return document


@pytest.fixture
def report(tmp_path):
    return tmp_path / "report.json"


@pytest.mark.parametrize(
    ("world", "guest", "code"),
    [("hotplug", "2Gi", 0), ("above-max", "5Gi", 4), ("plug-refused", "2Gi", 5)],
    ids=["done", "held", "failed"],
)
@pytest.mark.parametrize("verb", ["apply", "reconcile"])
def test_content_of_the_report_file_does_not_depend_on_the_output_format(
    verb, world, guest, code, serve, git, command, report
):
    git.commit({"vm.yaml": vm_yaml("default", "vm", guest)})
    flags = ["--yes"] if verb == "apply" else []
    ended = command(verb, *flags, "--repo", git, "--report", report, on=serve(world))
    assert "Run " in ended.out
    assert valid(report.read_text(), "report")["exit"]["code"] == code


def test_json_report_file_equals_the_printed_report(serve, git, command, report):
    git.commit({"vm.yaml": ASK_2GI})
    ended = command(
        "apply", "--yes", "--repo", git, "-o", "json", "--report", report, on=serve("hotplug")
    )
    assert report.read_text() == ended.out


@pytest.mark.parametrize(
    ("others", "code", "name", "returned"),
    [({}, 7, "lease-held", 0), ({"bad.yaml": "kind: VirtualMachine\nspec: [\n"}, 3, "invalid", 3)],
    ids=["valid", "partly-invalid"],
)
def test_run_report_states_that_another_run_holds_the_lease(
    others, code, name, returned, serve, git, command, report
):
    git.commit({"vm.yaml": ASK_2GI, **others})
    cluster = serve("hotplug")
    now = cluster.simulator.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    spec = {"holderIdentity": "another", "leaseDurationSeconds": 15, "renewTime": now}
    metadata = {"name": "memory-reconciler-memory-0", "namespace": "kubevirt"}
    assert cluster.ask("POST", LEASES, {"metadata": metadata, "spec": spec})[0] == 201

    def renew() -> None:
        now = cluster.simulator.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        cluster.ask("PATCH", f"{LEASES}/{metadata['name']}", {"spec": {"renewTime": now}})
        cluster.simulator.engine.at(5.0, renew)

    renew()
    ended = command("reconcile", "--repo", git, "--report", report, on=cluster)
    left = valid(report.read_text(), "report")
    assert ended.code == returned
    assert (left["exit"]["code"], left["exit"]["name"]) == (code, name)
    assert left["exit"]["returned"] == returned
    assert "another" in left["exit"]["message"]
    (outcome,) = left["outcomes"]
    assert (outcome["result"], outcome["reason"]) == ("not-started", "lease-held")


def test_run_that_reaches_its_deadline_writes_its_report_file(serve, git, command, report):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("slow", scale=1.0)
    ended = command(
        "apply", "--yes", "--repo", git, "--deadline", "2s", "--report", report, on=cluster
    )
    left = valid(report.read_text(), "report")
    assert (ended.code, left["exit"]["code"]) == (6, 6)
    assert [each["result"] for each in left["outcomes"]] == ["running"]


def test_interrupted_run_writes_its_report_file(serve, git, report):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("slow", scale=5.0)
    arguments = ["--kubeconfig", cluster.kubeconfig, "--report", report]
    with process("apply", "--yes", "--repo", git, *arguments) as run:
        line_with(run.stderr, "patched")
        run.send_signal(signal.SIGTERM)
        run.communicate()
    left = valid(report.read_text(), "report")
    assert (run.returncode, left["exit"]["code"]) == (6, 6)
    assert [each["result"] for each in left["outcomes"]] == ["running"]


def test_run_interrupted_before_its_first_write_writes_its_report_file(serve, git, report):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("hotplug")
    spec = {"holderIdentity": "long-gone", "leaseDurationSeconds": 3600}
    metadata = {"name": "memory-reconciler-memory-0", "namespace": "kubevirt"}
    cluster.ask("POST", LEASES, {"metadata": metadata, "spec": spec})
    arguments = ["--kubeconfig", cluster.kubeconfig, "--report", report]
    with process("apply", "--yes", "--repo", git, *arguments) as run:
        line_with(run.stderr, "long-gone")
        run.send_signal(signal.SIGTERM)
        run.communicate()
    left = valid(report.read_text(), "report")
    assert (run.returncode, left["exit"]["code"]) == (6, 6)
    assert left["exit"]["message"] == "a signal ended the command before it wrote anything"
    assert [each["result"] for each in left["outcomes"]] == ["not-started"]


OBSERVE = "apiVersion: reconciler/v1alpha1\nkind: Config\nmode: observe\n"
READER = "may-only-read"


def early(reason: str, serve, git, command, tmp_path, leave):
    """Start a run that ends because of *reason* after its plan and before its first write."""
    git.commit({"vm.yaml": ASK_2GI, ".reconciler.yaml": OBSERVE})
    if reason == "mode observe":
        return command("reconcile", "--repo", git, *leave, on=serve("hotplug"))
    if reason == "no rights":
        tokens = {READER: {"user": "reader"}}
        rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}]
        cluster = serve("hotplug", rbac="enforced", tokens=tokens, objects=reader(rules))
        kubeconfig = cluster.credentials(tmp_path / "config", READER)
        return command("apply", "--yes", "--repo", git, "--kubeconfig", kubeconfig, *leave)
    if reason == "lease not written":
        fault = {"effect": "status", "code": 500, "verbs": ["create"], "resource": "leases"}
        return command(
            "apply", "--yes", "--repo", git, *leave, on=serve("hotplug", apiFaults=[fault])
        )
    cluster, plan = serve("hotplug"), tmp_path / "plan.json"
    assert command("plan", "--repo", git, "--out", plan, on=cluster).code == 0
    if reason == "plan of another cluster":
        other = serve("hotplug", seed=99)
        return command("apply", "--repo", git, "--plan", plan, *leave, on=other)
    expected = ("--expect-digest", "sha256:" + "0" * 64)
    return command("apply", "--repo", git, *expected, *leave, on=cluster)


def reader(rules):
    kind = {"apiVersion": "rbac.authorization.k8s.io/v1"}
    group = "rbac.authorization.k8s.io"
    return [
        {**kind, "kind": "ClusterRole", "metadata": {"name": "reader"}, "rules": rules},
        {
            **kind,
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "reader"},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "reader"},
            "subjects": [{"apiGroup": group, "kind": "User", "name": "reader"}],
        },
    ]


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("mode observe", 4),
        ("no rights", 1),
        ("lease not written", 1),
        ("plan of another cluster", 1),
        ("another digest", 8),
    ],
)
def test_run_that_stops_right_after_planning_writes_its_report_and_trace_files(
    reason, code, serve, git, command, tmp_path, report
):
    trace = tmp_path / "trace.jsonl"
    leave = ("--report", report, "--trace", trace, "-v")
    ended = early(reason, serve, git, command, tmp_path, leave)
    left = valid(report.read_text(), "report")
    assert left["exit"]["code"] == code
    assert ended.code == left["exit"]["returned"] == (0 if reason == "mode observe" else code)
    (line,) = (valid(each, "trace") for each in trace.read_text().splitlines())
    (outcome,) = left["outcomes"]
    assert (line["name"], line["actuation"]) == ("vm", "skipped")
    assert (line["result"], line["reason"]) == (outcome["result"], outcome["reason"])
    assert line["digest"] == outcome["digest"]


def test_run_that_fails_before_planning_deletes_the_report_file_of_an_earlier_run(
    serve, git, command, report
):
    git.commit({".reconciler.yaml": INVALID_CONFIG})
    report.write_text("of an earlier run")
    ended = command("apply", "--yes", "--repo", git, "--report", report, on=serve("hotplug"))
    assert ended.code == 3
    assert not report.exists()


def test_unwritable_report_path_stops_the_run_before_any_cluster_write(serve, git, command):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("hotplug")
    ended = command(
        "apply", "--yes", "--repo", git, "--report", "/nowhere/report.json", on=cluster
    )
    assert (ended.code, ended.out) == (64, "")
    assert "--report file /nowhere/report.json" in ended.err
    assert cluster.ours() == []


def test_trace_file_has_one_line_per_vm_with_commit_and_guest_memory(
    serve, git, command, tmp_path
):
    revision = git.commit({"vms.yaml": ASK_2GI + vm_yaml("default", "bad", "2Gi")})
    vms = [
        {"name": "vm", "guest": "1Gi"},
        {"name": "bad", "guest": "1Gi", "faults": {"plugRefused": "always"}},
    ]
    trace = tmp_path / "trace.jsonl"
    cluster = serve("hotplug", vms=vms)
    command("apply", "--yes", "--repo", git, "--trace", trace, on=cluster)
    lines = {
        each["name"]: each
        for each in (valid(line, "trace") for line in trace.read_text().splitlines())
    }
    assert {name: each["result"] for name, each in lines.items()} == {
        "vm": "done",
        "bad": "failed",
    }
    done = lines["vm"]
    migrations = "/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstancemigrations"
    (migration,) = (
        each
        for each in cluster.get(migrations)["items"]
        if each["metadata"]["name"] == done["migration"]
    )
    assert (done["revision"], done["migrationUid"]) == (revision, migration["metadata"]["uid"])
    assert done["sourceNode"] != done["targetNode"]
    assert done["seconds"] > 0
    assert done["digest"].startswith("sha256:")


def test_json_log_has_one_trace_line_per_vm(serve, git, command):
    git.commit({"vm.yaml": ASK_2GI})
    ended = command("apply", "--yes", "--repo", git, "--log-format", "json", on=serve("hotplug"))
    lines = [json.loads(each) for each in ended.err.splitlines()]
    (line,) = (each for each in lines if each["msg"] == "the change to the VM has ended")
    assert (line["level"], line["name"], line["result"]) == ("info", "vm", "done")


def test_apply_outside_maintenance_windows_writes_only_with_the_ignore_windows_option(
    serve, git, command, report
):
    git.commit({"vm.yaml": ASK_2GI, ".reconciler.yaml": WINDOWS})
    cluster = serve("hotplug")
    held = command("apply", "--yes", "--repo", git, "-o", "json", on=cluster)
    (outcome,) = held.json["outcomes"]
    assert (held.code, outcome["result"], outcome["reason"]) == (4, "held", "outside-window")
    assert cluster.ours("PATCH") == []

    broken = command(
        "apply", "--yes", "--repo", git, "--ignore-windows", "--report", report, on=cluster
    )
    assert broken.code == 0
    assert "ignoring the maintenance windows in .reconciler.yaml" in broken.err
    assert "note: the maintenance windows in .reconciler.yaml were ignored" in broken.out
    (note,) = valid(report.read_text(), "report")["notes"]
    assert "--ignore-windows" in note


def test_reconcile_has_no_ignore_windows_option(git, command):
    ended = command("reconcile", "--repo", git, "--ignore-windows")
    assert (ended.code, "--ignore-windows" in ended.err) == (64, True)
