"""Tests the output and the exit codes of the commands plan, snapshot, status and validate."""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest
from support.schemas import check_document
from support.served import EXAMPLES, process
from support.simulated import vm_yaml

from reconciler.cli.option_values import PlanFormat

ASK_2GI = vm_yaml("default", "vm", "2Gi")
SECRET = "hunter2-of-the-guest"

BROKEN_PIPE = "error: cannot write to standard output: Broken pipe\n"


def valid(document: object, schema: str) -> object:
    """Validate *document* against the published *schema* and return it."""
    check_document(document, schema)
    return document


def with_fleet(git) -> None:
    shutil.copytree(EXAMPLES / "fleet", git.path, dirs_exist_ok=True)
    git.commit({})


def test_json_plan_matches_the_schema_and_contains_the_commit(serve, git, command):
    with_fleet(git)
    ended = command("plan", "--repo", git, "-o", "json", on=serve("fleet"))
    plan = valid(ended.json, "plan")
    assert (ended.code, plan["revision"]) == (0, git("rev-parse", "HEAD"))
    assert set(plan["summary"]) >= {"none", "config", "live", "cold", "restart", "blocked"}


@pytest.mark.parametrize("form", ["text", "json", "markdown", "html"])
def test_plan_with_a_closed_output_pipe_ends_with_a_one_line_error(
    form, serve, git, command, tmp_path
):
    with_fleet(git)
    snapshot = tmp_path / "live.json"
    assert command("snapshot", "--out", snapshot, on=serve("fleet")).code == 0
    with process("plan", "--repo", git, "--snapshot", snapshot, "-o", form) as run:
        run.stdout.close()
        assert (run.wait(500), run.stderr.read()) == (1, BROKEN_PIPE)


def test_plan_report_file_equals_the_printed_report(serve, git, command, tmp_path):
    with_fleet(git)
    plan = tmp_path / "plan.json"
    ended = command("plan", "--repo", git, "-o", "json", "--out", plan, on=serve("fleet"))
    assert plan.read_text() == ended.out
    assert plan.stat().st_mode & 0o777 == 0o600


def test_plan_sends_no_write_and_reads_vms_only_with_list_requests(serve, git, command):
    with_fleet(git)
    cluster = serve("fleet")
    command("plan", "--repo", git, on=cluster)
    assert cluster.writes() == []
    paths = [each.path for each in cluster.ours()]
    assert len(paths) == len(set(paths)), "one list request per kind"
    assert [each for each in paths if "pg-" in each] == []


def test_text_plan_shows_effect_reason_and_manifest_location(serve, git, command):
    git.commit({"vms/vm.yaml": ASK_2GI})
    ended = command("plan", "--repo", git, on=serve("hotplug"))
    (row,) = (each for each in ended.out.splitlines() if each.startswith("default "))
    assert row.split()[:6] == ["default", "vm", "1Gi", "2Gi", "live", "hotplug"]
    assert row.endswith("vms/vm.yaml:5:51")
    assert "\x1b" not in ended.out, "no colours without a terminal"
    assert ended.err == ""


def test_markdown_plan_starts_with_an_html_comment_that_identifies_the_plan(serve, git, command):
    git.commit({"vm.yaml": ASK_2GI})
    ended = command("plan", "--repo", git, "-o", "markdown", on=serve("hotplug"))
    assert ended.out.startswith("<!-- reconciler-plan -->\n")
    assert "| **live** | hotplug |" in ended.out


FORMATS = tuple(PlanFormat)


def test_one_plan_command_writes_every_output_format_to_a_file(serve, git, command, tmp_path):
    with_fleet(git)
    cluster = serve("fleet", scale=0.001)  # nothing changes between two runs
    snapshot = tmp_path / "live.json"
    assert command("snapshot", "--out", snapshot, on=cluster).code == 0
    read = ("plan", "--repo", git, "--snapshot", snapshot)
    files = {form: tmp_path / form for form in FORMATS}
    given = [f"--output-file={form}={path}" for form, path in files.items()]
    ended = command(*read, "-o", "github", *given)
    assert (ended.code, ended.err) == (0, "")
    assert files["github"].read_text() == ended.out
    for form, path in files.items():
        assert path.read_text() == command(*read, "-o", form).out, form
        assert path.stat().st_mode & 0o777 == 0o600


def test_plan_reads_the_cluster_once_for_all_output_formats(serve, git, command, tmp_path):
    with_fleet(git)
    cluster = serve("fleet", scale=0.001)
    assert command("plan", "--repo", git, on=cluster).code == 0
    alone = [(each.method, each.path) for each in cluster.ours()]
    files = [f"--output-file={form}={tmp_path / form}" for form in FORMATS]
    assert command("plan", "--repo", git, *files, on=cluster).code == 0
    every = [(each.method, each.path) for each in cluster.ours()]
    assert Counter(every) == Counter(alone + alone)


def test_sarif_rules_of_a_plan_link_to_pages_below_the_docs_url(serve, git, command):
    git.commit({"vm.yaml": ASK_2GI})
    url = "https://docs.example/reasons"
    ended = command("plan", "--repo", git, "-o", "sarif", "--docs-url", url, on=serve("hotplug"))
    (run,) = ended.json["runs"]
    links = {each["helpUri"] for each in run["tool"]["driver"]["rules"]}
    assert f"{url}/hotplug" in links


def test_plan_of_piped_manifests_warns_how_many_findings_the_gitlab_report_omits(
    serve, command, tmp_path, monkeypatch
):
    manifests = tmp_path / "vm.yaml"
    manifests.write_text(ASK_2GI)
    cluster = serve("hotplug")
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(ASK_2GI.encode())))
    piped = command("plan", "-f", "-", "-o", "gitlab", on=cluster)
    assert piped.json == []
    assert "omits 2 findings that have no line in Git" in piped.err
    (entry,) = command("plan", "-f", manifests, "-o", "gitlab", on=cluster).json
    assert entry["location"] == {"path": str(manifests), "lines": {"begin": 5}}


def test_invalid_configuration_is_reported_as_a_github_annotation_and_in_the_sarif_file(
    serve, git, command, tmp_path
):
    git.commit({".reconciler.yaml": "mode: nonsense\n", "vm.yaml": ASK_2GI})
    sarif, text = tmp_path / "plan.sarif", tmp_path / "plan.txt"
    text.write_text("of an earlier run")
    files = (f"--output-file=sarif={sarif}", f"--output-file=text={text}", "--docs-url=https://d")
    ended = command("plan", "--repo", git, "-o", "github", *files, on=serve("hotplug"))
    assert ended.code == 3
    assert ended.out.startswith("::error file=.reconciler.yaml,line=1,col=1,")
    (run,) = json.loads(sarif.read_text())["runs"]
    assert [each["level"] for each in run["results"]] == ["error"] * 3
    assert run["tool"]["driver"]["rules"][0]["helpUri"].startswith("https://d/")
    assert not text.exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            ["xml=a"],
            "'xml=a' does not have the form FORMAT=FILE; the formats are text, json, html, sarif",
        ),
        (["sarif"], "'sarif' does not have the form FORMAT=FILE"),
        (["markdown=a"], "the formats are text, json, html, sarif, github, gitlab"),
        (["json=a", "sarif=./a"], "two outputs name the same file"),
        (["json=a", "sarif=../{folder}/a"], "two outputs name the same file"),
        (["json=-"], "use -o json instead"),
        (
            ["json=missing/a"],
            "--output-file file missing/a cannot be written: No such file or directory",
        ),
    ],
)
def test_invalid_output_file_is_a_usage_error(given, message, git, command):
    git.commit({"vm.yaml": ASK_2GI})
    folder = Path.cwd().name
    files = [f"--output-file={each.format(folder=folder)}" for each in given]
    ended = command("validate", "--repo", git, *files)
    assert (ended.code, ended.out) == (64, "")
    assert message in ended.err


def test_validate_writes_problems_as_sarif_and_returns_exit_code_3(git, command, tmp_path):
    git.commit({"vm.yaml": ASK_2GI.replace("2Gi", "2GB")})
    ended = command("validate", "--repo", git, "-o", "sarif")
    (run,) = ended.json["runs"]
    assert ended.code == 3
    (result,) = run["results"]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "vm.yaml"
    assert place["region"]["startLine"] == 5


def test_validate_writes_problems_as_an_html_page_and_returns_exit_code_3(git, command):
    git.commit({"vm.yaml": ASK_2GI.replace("2Gi", "2GB")})
    ended = command("validate", "--repo", git, "-o", "html")
    assert ended.code == 3
    assert "<h1>The desired state is invalid</h1>" in ended.out
    assert "<small>vm.yaml:5:" in ended.out


def test_html_plan_links_each_reason_to_a_page_below_the_docs_url(serve, git, command):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("hotplug")
    page = command("plan", "--repo", git, "-o", "html", on=cluster).out
    assert '<a href="#r-hotplug">live: hotplug</a>' in page
    address = "https://docs.example.org/reasons"
    page = command("plan", "--repo", git, "-o", "html", "--docs-url", address, on=cluster).out
    assert f'<a href="{address}/hotplug">live: hotplug</a>' in page


def test_docs_url_option_with_an_invalid_url_is_a_usage_error(command):
    for address in ("javascript:alert(1)", "https://a.example/?q", "https://a b", "//a.example"):
        ended = command("plan", "-o", "html", "--docs-url", address)
        assert ended.code == 64
        assert "is not a URL such as https://docs.example.org/reasons" in ended.err


def test_plan_against_a_snapshot_equals_the_plan_against_the_cluster(
    serve, git, command, tmp_path
):
    with_fleet(git)
    cluster = serve("fleet", scale=0.001)  # nothing changes between two reads
    snapshot = tmp_path / "live.json"
    assert command("snapshot", "--out", snapshot, on=cluster).code == 0
    plans = [
        command("plan", "--repo", git, "-o", "json", on=cluster).json,
        command("plan", "--repo", git, "-o", "json", "--snapshot", snapshot).json,
    ]
    assert plans[0]["digest"] == plans[1]["digest"]
    assert plans[0]["objects"] == plans[1]["objects"]


def test_snapshot_contains_everything_that_a_plan_needs_but_no_secrets(serve, command):
    cluster = serve("hotplug")
    volume = {"name": "init", "cloudInitNoCloud": {"userData": f"password: {SECRET}"}}
    template = {"domain": {"devices": {}, "memory": {"guest": "1Gi"}}, "volumes": [volume]}
    manifest = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": "keeper", "annotations": {"example.com/token": SECRET}},
        "spec": {"runStrategy": "Halted", "template": {"spec": template}},
    }
    vms = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines"
    status, created = cluster.ask("POST", vms, manifest)
    assert status == 201, created
    ended = command("snapshot", on=cluster)
    snapshot = valid(ended.json, "snapshot")
    assert "keeper" in {each["ref"]["name"] for each in snapshot["virtualMachines"]}
    assert SECRET not in ended.out


@pytest.mark.parametrize(
    ("world", "guest", "code"),
    [("hotplug", "2Gi", 2), ("above-max", "5Gi", 4), ("hotplug", "1024Mi", 0)],
    ids=["changes", "held", "as desired"],
)
def test_detailed_exit_code_of_a_plan_shows_whether_changes_exist_or_are_blocked(
    world, guest, code, serve, git, command
):
    git.commit({"vm.yaml": vm_yaml("default", "vm", guest)})
    cluster = serve(world)
    assert command("plan", "--repo", git, "--detailed-exitcode", on=cluster).code == code
    assert command("plan", "--repo", git, on=cluster).code == 0


def test_plan_reads_manifests_from_standard_input(serve, command, monkeypatch):
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(ASK_2GI.encode())))
    plan = command("plan", "-f", "-", "-o", "json", on=serve("hotplug")).json
    (change,) = plan["objects"][0]["changes"]
    assert change["at"] == {"path": "stdin", "line": 5, "column": 51}


def test_plan_of_a_working_tree_includes_uncommitted_changes_and_is_marked_dirty(
    serve, git, command
):
    git.commit({"vm.yaml": vm_yaml("default", "vm", "1Gi")})
    (git.path / "vm.yaml").write_text(ASK_2GI)
    cluster = serve("hotplug")
    lying = command("plan", "--repo", git, "--working-tree", "-o", "json", on=cluster).json
    committed = command("plan", "--repo", git, "-o", "json", on=cluster).json
    assert (lying["dirty"], lying["summary"]) == (True, {"live": 1})
    assert (committed["dirty"], committed["summary"]) == (False, {"none": 1})


def test_command_line_options_override_environment_variables(serve, git, command, monkeypatch):
    git.commit({"vm.yaml": ASK_2GI})
    monkeypatch.setenv("RECONCILER_REPO", str(git))
    monkeypatch.setenv("RECONCILER_KUBECONFIG", str(serve("hotplug").kubeconfig))
    monkeypatch.setenv("RECONCILER_OUTPUT", "json")
    assert command("plan").json["summary"] == {"live": 1}
    assert command("plan", "-o", "text").out.startswith("Plan ")


def test_status_shows_desired_and_live_sizes_side_by_side(serve, git, command):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("hotplug")
    text = command("status", "--repo", git, on=cluster)
    (row,) = (each for each in text.out.splitlines() if each.startswith("default "))
    assert row.split()[:6] == ["default", "vm", "2Gi", "1Gi", "1Gi", "4Gi"]
    document = command("status", "--repo", git, "-o", "json", on=cluster)
    assert (text.code, document.code, document.json["kind"]) == (0, 0, "Status")
    assert cluster.writes() == []


def test_validate_works_without_a_cluster(git, command):
    git.commit({"vm.yaml": ASK_2GI})
    ended = command("validate", "--repo", git)
    assert (ended.code, ended.out, ended.err) == (0, "Valid: 1 VirtualMachine\n", "")
    git.commit({"vm.yaml": vm_yaml("default", "vm", "2GB")})
    ended = command("validate", "--repo", git, "-o", "json")
    (finding,) = ended.json["diagnostics"]
    assert (ended.code, finding["code"], finding["at"]["line"]) == (3, "bad-quantity", 5)


def test_plan_of_an_old_snapshot_starts_with_a_warning_and_has_the_same_digest(
    serve, git, command, tmp_path
):
    config = "apiVersion: reconciler/v1alpha1\nkind: Config\nsnapshotMaxAge: 12h\n"
    git.commit({"vm.yaml": ASK_2GI, ".reconciler.yaml": config})
    snapshot = tmp_path / "live.json"
    assert command("snapshot", "--out", snapshot, on=serve("hotplug")).code == 0
    read = ("plan", "--repo", git, "--snapshot", snapshot)
    before = command(*read, "-o", "json").json
    document = json.loads(snapshot.read_text())
    snapshot.write_text(json.dumps(document | {"observedAt": "2020-02-29T12:00:00Z"}))
    old = command(*read, "-o", "json").json
    assert old["digest"] == before["digest"]
    (warning, *_) = old["diagnostics"]
    assert (warning["code"], warning["at"]["path"]) == ("snapshot-age", ".reconciler.yaml")
    assert "created at 2020-02-29 12:00:00 UTC, more than 12h ago" in warning["message"]
    shown = command(*read)
    assert (shown.code, shown.out.splitlines()[2].split(":")[0]) == (0, "  warning")
