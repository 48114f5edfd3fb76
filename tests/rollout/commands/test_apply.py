"""Tests the apply command over HTTP: complete runs, a second run, and the output streams."""

from __future__ import annotations

import json

from support.schemas import check_document
from support.served import without_clock_warnings
from support.simulated import vm_yaml

ASK_2GI = vm_yaml("default", "vm", "2Gi")
INVALID_CONFIG = "apiVersion: reconciler/v1alpha1\nkind: Config\nmode: other\n"


def test_second_apply_after_the_guest_has_the_desired_memory_writes_nothing(serve, git, command):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("hotplug")
    first = command("apply", "--yes", "--repo", git, on=cluster)
    assert (first.code, first.out.splitlines()[-1]) == (
        0,
        "Exit code 0: the cluster matches the desired state.",
    )
    assert cluster.vmi("default", "vm")["status"]["memory"]["guestCurrent"] == "2Gi"
    assert len(cluster.ours("PATCH")) == 1
    written = cluster.writes()

    plan = command("plan", "--repo", git, "-o", "json", "--detailed-exitcode", on=cluster)
    assert (plan.code, plan.json["waves"], plan.json["summary"]) == (0, [], {"none": 1})
    second = command("apply", "--yes", "--repo", git, on=cluster)
    assert second.code == 0
    assert cluster.writes() == written, "no PATCH, no lease, no Event"


def test_apply_acquires_and_releases_its_lease_and_records_events(serve, git, command):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("hotplug")
    command("apply", "--yes", "--repo", git, on=cluster)
    assert cluster.lease()["spec"]["holderIdentity"] == ""
    events = cluster.get("/api/v1/namespaces/default/events")["items"]
    ours = {each["reason"] for each in events if each["reportingComponent"] == "reconciler"}
    assert ours == {"MemoryPatched", "MemoryReached"}


def test_apply_prints_the_result_to_stdout_and_progress_to_stderr(serve, git, command):
    git.commit({"vm.yaml": ASK_2GI})
    ended = command("apply", "--yes", "--repo", git, on=serve("hotplug"))
    limit, *lines = without_clock_warnings(ended.err).splitlines()
    assert limit == "info: the run ends after 2h at the latest; set --deadline to change the limit"
    steps = [line.split()[1] for line in lines]
    assert [steps[0], steps[1], steps[-1]] == ["wave", "patched", "done"]
    assert "patched   default/vm: guest 1Gi -> 2Gi (hotplug)" in ended.err
    assert "patched   " not in ended.out
    assert ended.out.count("\nPlan: ") == ended.out.count("\nRun: ") == 1


def test_stdout_of_apply_contains_only_a_json_report_that_matches_the_schema(serve, git, command):
    revision = git.commit({"vm.yaml": ASK_2GI})
    ended = command("apply", "--yes", "--repo", git, "-o", "json", on=serve("hotplug"))
    report = ended.json
    check_document(report, "report")
    (outcome,) = report["outcomes"]
    assert (report["exit"]["code"], report["plan"]["revision"]) == (0, revision)
    assert (outcome["result"], outcome["actuation"]) == ("done", "succeeded")
    assert "patched" in ended.err


def test_every_json_log_line_has_a_level_a_time_and_a_message(serve, git, command):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("hotplug")
    good = command(
        "apply", "--yes", "--repo", git, "-o", "json", "--log-format", "json", "-vv", on=cluster
    )
    commit = git.commit({".reconciler.yaml": INVALID_CONFIG})
    arguments = ("--revision", commit, "--log-format", "json")
    bad = command("apply", "--yes", "--repo", git, *arguments, on=cluster)
    lines = [[json.loads(each) for each in ended.err.splitlines()] for ended in (good, bad)]
    assert all({"level", "ts", "msg"} <= each.keys() for each in [*lines[0], *lines[1]])
    assert {"wave", "patched", "done"} <= {each.get("step") for each in lines[0]}
    finding, error = lines[1]
    assert (bad.code, bad.out) == (3, "")
    assert (finding["level"], finding["code"]) == ("error", "bad-value")
    assert finding["at"] == {"path": ".reconciler.yaml", "line": 3, "column": 7}
    assert (error["level"], error["msg"].startswith("1 error in the desired")) == ("error", True)


def test_apply_with_the_no_wait_option_ends_after_the_patch_and_the_next_apply_tracks_the_change(
    serve, git, command
):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("slow", scale=40.0)
    ended = command("apply", "--yes", "--repo", git, "--no-wait", on=cluster)
    last = ended.out[ended.out.index("\nRun: ") :]
    assert (ended.code, last.splitlines()[1:]) == (
        0,
        [
            "Run: 1 written.",
            "Exit code 0: every patch was accepted; the run did not wait for the guests.",
            "  the run does not wait for the guests because of --no-wait",
        ],
    )
    assert "DONE" not in ended.out
    assert cluster.vmi("default", "vm")["status"]["memory"]["guestCurrent"] == "1Gi"
    again = command("apply", "--yes", "--repo", git, "-o", "json", on=cluster)
    (outcome,) = again.json["outcomes"]
    assert (again.code, outcome["result"], outcome["actuation"]) == (0, "done", "not-needed")
    assert len(cluster.ours("PATCH")) == 1


def test_invalid_vm_manifest_does_not_stop_changes_to_other_vms(serve, git, command):
    git.commit({"vms.yaml": ASK_2GI + vm_yaml("default", "bad", "2Gi")})
    vms = [
        {"name": "vm", "guest": "1Gi"},
        {"name": "bad", "guest": "1Gi", "faults": {"plugRefused": "always"}},
    ]
    ended = command("apply", "--yes", "--repo", git, "-o", "json", on=serve("hotplug", vms=vms))
    found = {each["name"]: each["result"] for each in ended.json["outcomes"]}
    assert (ended.code, found) == (5, {"vm": "done", "bad": "failed"})
