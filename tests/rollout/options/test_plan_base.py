"""``plan --base`` separates a pull request's changes from those already pending."""

from __future__ import annotations

import pytest
from support.schemas import check_document
from support.simulated import vm_yaml

VMS = [
    {"name": name, "namespace": "db", "guest": "1Gi"} for name in ("drifting", "edited", "other")
]
CR = """\
---
apiVersion: kubevirt.io/v1
kind: KubeVirt
metadata: {name: kubevirt, namespace: kubevirt}
spec: {configuration: {vmRolloutStrategy: %s}}
"""
DRIFTING, OTHER = vm_yaml("db", "drifting", "2Gi"), vm_yaml("db", "other", "1Gi")
BROKEN = "apiVersion: kubevirt.io/v1\nkind: VirtualMachine\nmetadata: {name: 7}\n"
CONFIG = "apiVersion: reconciler/v1alpha1\nkind: Config\n"


@pytest.fixture
def snapshot(serve, command, tmp_path):
    path = tmp_path / "live.json"
    assert command("snapshot", "--out", path, on=serve("hotplug", vms=VMS)).code == 0
    return path


@pytest.fixture
def branch(git):
    """Return a function that commits some files to main and then other files to a branch."""

    def make(before, after):
        git.commit(before)
        git("checkout", "--quiet", "-b", "topic")
        for name in [name for name, text in after.items() if text is None]:
            git("rm", "--quiet", name)
        git.commit({name: text for name, text in after.items() if text is not None})
        return git

    return make


@pytest.fixture
def plan(snapshot, git, command):
    def call(*more):
        return command("plan", "--repo", git, "--snapshot", snapshot, "--base", "main", *more)

    return call


def states(ended):
    document = ended.json
    check_document(document, "plan")
    return {
        each["name"]: (each["baseline"]["state"], each["baseline"]["edited"])
        for each in document["objects"]
    }


def test_difference_between_main_branch_and_cluster_does_not_count_as_a_pull_request_change(
    branch, plan
):
    before = {"drifting.yaml": DRIFTING, "edited.yaml": vm_yaml("db", "edited", "1Gi")}
    branch(before, {"edited.yaml": vm_yaml("db", "edited", "3Gi"), "other.yaml": OTHER})
    ended = plan("-o", "json")
    assert ended.code == 0
    assert states(ended) == {
        "drifting": ("unchanged", False),
        "edited": ("new", True),
        "other": ("unchanged", True),
    }
    assert ended.json["comparison"]["summary"] == {
        "new": {"live": 1},
        "updated": {},
        "unchanged": {"live": 1},
        "absent": {},
    }
    (change,) = next(e for e in ended.json["objects"] if e["name"] == "edited")["changes"]
    assert change["edited"] is True


def test_plan_text_first_lists_the_changes_that_the_pull_request_adds(branch, plan):
    before = {"drifting.yaml": DRIFTING, "edited.yaml": vm_yaml("db", "edited", "1Gi")}
    branch(before, {"edited.yaml": vm_yaml("db", "edited", "3Gi")})
    text = plan().out
    rows = [line for line in text.splitlines() if line.startswith("db ")]
    assert [row.split()[1] for row in rows] == ["edited", "drifting"]
    assert rows[0].endswith("new (edited)")
    assert rows[1].endswith("already pending")
    assert "Since the base commit: new: 1 live; already pending: 1 live." in text


def test_plan_digest_is_the_same_with_and_without_a_base_branch(branch, plan, command, snapshot):
    git = branch({"drifting.yaml": DRIFTING}, {"edited.yaml": vm_yaml("db", "edited", "3Gi")})
    with_base = plan("-o", "json").json
    alone = command("plan", "--repo", git, "--snapshot", snapshot, "-o", "json").json
    del with_base["comparison"]
    for each in with_base["objects"]:
        del each["baseline"]
        for change in each["changes"]:
            del change["edited"]
    for each in with_base["diagnostics"]:
        del each["baseline"]
    assert with_base == alone


def test_plan_file_that_contains_a_comparison_with_a_base_branch_can_be_approved(
    branch, serve, command, tmp_path
):
    git = branch({"drifting.yaml": DRIFTING}, {"edited.yaml": vm_yaml("db", "edited", "2Gi")})
    cluster, file = serve("hotplug", vms=VMS), tmp_path / "plan.json"
    options = ("--repo", git, "--base", "main", "--out", file)
    assert command("plan", *options, on=cluster).code == 0
    ended = command("apply", "--repo", git, "--plan", file, "--no-wait", on=cluster)
    assert ended.code == 0
    assert {each[0] for each in cluster.writes()} >= {"PATCH"}


def test_kubevirt_cr_edit_changes_the_planned_effect_on_a_vm_that_is_not_edited(branch, plan):
    files = {"drifting.yaml": DRIFTING, "cr.yaml": CR % "LiveUpdate"}
    branch(files, {"cr.yaml": CR % "Stage"})
    ended = plan("-o", "json")
    assert states(ended)["drifting"] == ("updated", False)
    assert (
        "Edits to the KubeVirt CR change the effect of 1 object that is not edited: db/drifting."
        in plan().out
    )


def test_plan_with_a_base_branch_ignores_renamed_files_and_lists_vms_removed_from_git(
    branch, plan
):
    files = {"a.yaml": DRIFTING, "b.yaml": vm_yaml("db", "edited", "3Gi"), "c.yaml": OTHER}
    branch(files, {"a.yaml": None, "moved/a.yaml": DRIFTING, "b.yaml": None, "c.yaml": None})
    ended = plan("-o", "json")
    assert states(ended) == {"drifting": ("unchanged", False)}
    removed = {each["name"]: each["effect"] for each in ended.json["comparison"]["removed"]}
    assert removed == {"edited": "live", "other": "none"}
    text = plan().out
    assert "no longer pending: db/edited, live in the base commit, 1Gi -> 3Gi" in text
    assert "not in this plan, only in the base commit: db/edited, db/other" in text


@pytest.mark.parametrize(
    ("before", "after", "detailed", "plain"),
    [
        ({"a.yaml": DRIFTING}, {"notes.txt": "x"}, 0, 0),
        ({"a.yaml": OTHER}, {"b.yaml": DRIFTING}, 2, 0),
        ({"a.yaml": DRIFTING}, {"a.yaml": vm_yaml("db", "drifting", "1Gi")}, 0, 0),
        ({"a.yaml": OTHER}, {"b.yaml": vm_yaml("db", "drifting", "900Gi")}, 4, 0),
        ({"a.yaml": vm_yaml("db", "drifting", "900Gi")}, {"b.yaml": OTHER}, 0, 0),
        ({"a.yaml": BROKEN}, {"b.yaml": OTHER}, 0, 0),
        ({"b.yaml": OTHER}, {"a.yaml": BROKEN}, 3, 3),
        ({"a.yaml": BROKEN}, {"b.yaml": DRIFTING, "c.yaml": BROKEN}, 3, 3),
    ],
)
def test_plan_exit_code_counts_only_changes_that_the_pull_request_adds(
    branch, plan, before, after, detailed, plain
):
    branch(before, after)
    assert (plan("--detailed-exitcode").code, plan().code) == (detailed, plain)


def test_error_that_already_exists_in_the_base_branch_is_marked_as_existing(branch, plan):
    branch({"a.yaml": BROKEN}, {"b.yaml": BROKEN})
    lines = [line for line in plan().out.splitlines() if "error[" in line]
    marked = {line.partition(":")[0]: line.endswith("(also in the base commit)") for line in lines}
    assert marked == {"a.yaml": True, "b.yaml": False}


def test_all_changes_count_as_new_if_the_configuration_of_the_base_branch_is_invalid(branch, plan):
    files = {"a.yaml": DRIFTING, ".reconciler.yaml": CONFIG + "mode: 7\n"}
    branch(files, {".reconciler.yaml": CONFIG})
    ended = plan("-o", "json")
    assert states(ended) == {"drifting": ("new", False)}
    base = ended.json["comparison"]["base"]
    assert base["unplanned"] == "its configuration is invalid"
    absent = ended.json["comparison"]["absentDiagnostics"]
    assert [each["at"]["path"] for each in absent] == [".reconciler.yaml"]
    assert "therefore, every change counts as new" in " ".join(plan().out.split())


def test_all_changes_count_as_new_if_the_base_branch_configures_a_different_cluster(branch, plan):
    files = {"a.yaml": DRIFTING, ".reconciler.yaml": CONFIG + "cluster: another\n"}
    branch(files, {".reconciler.yaml": CONFIG})
    ended = plan("-o", "json")
    assert states(ended) == {"drifting": ("new", False)}
    assert (
        ended.json["comparison"]["base"]["unplanned"]
        == "its configuration is meant for cluster another"
    )


def test_vm_that_only_the_pull_request_contains_can_be_selected_by_name(branch, plan):
    branch({"a.yaml": OTHER}, {"b.yaml": DRIFTING})
    assert states(plan("-o", "json", "db/drifting")) == {"drifting": ("new", True)}


def test_plan_with_a_base_branch_compares_the_working_tree_with_the_merge_base(git, plan):
    git.commit({"a.yaml": DRIFTING})
    (git.path / "b.yaml").write_text(vm_yaml("db", "edited", "3Gi"))
    found = states(plan("--working-tree", "-o", "json"))
    assert found == {"drifting": ("unchanged", False), "edited": ("new", True)}


def test_remote_repository_is_fetched_with_the_history_of_the_base_branch(
    branch, snapshot, command
):
    git = branch({"a.yaml": DRIFTING}, {"b.yaml": vm_yaml("db", "edited", "3Gi")})
    git("checkout", "--quiet", "main")
    git.commit({"c.yaml": OTHER})
    where = ("--repo", f"file://{git.path}", "--snapshot", snapshot, "-o", "json")
    ended = command("plan", *where, "--revision", "topic", "--base", "main")
    assert states(ended) == {"drifting": ("unchanged", False), "edited": ("new", True)}


def test_base_branch_option_requires_a_git_repository(snapshot, command, tmp_path):
    (tmp_path / "a.yaml").write_text(DRIFTING)
    ended = command("plan", "-f", tmp_path / "a.yaml", "--snapshot", snapshot, "--base", "main")
    assert ended.code == 64
    assert "--base needs --repo" in ended.err


def test_unknown_base_branch_is_reported_as_an_error(branch, plan):
    git = branch({"a.yaml": DRIFTING}, {"b.yaml": OTHER})
    git("branch", "--quiet", "--move", "main", "trunk")
    ended = plan()
    assert ended.code == 1
    assert "main" in ended.err


@pytest.mark.parametrize(
    ("before", "after", "state"),
    [
        ({"a.yaml": BROKEN}, {"b.yaml": DRIFTING}, "success"),
        ({"a.yaml": OTHER}, {"b.yaml": BROKEN}, "failure"),
    ],
)
def test_commit_status_is_failure_only_for_errors_that_the_pull_request_adds(
    branch, plan, command, tmp_path, before, after, state
):
    branch(before, after)
    file = tmp_path / "plan.json"
    plan("--out", file)
    where = ("--forge", "github", "--project", "a/b", "--commit", "0" * 40)
    ended = command("comment", file, "--dry-run", *where)
    assert (ended.code, f'"state":"{state}"' in ended.out.replace(" ", "")) == (0, True)


def test_github_step_output_counts_the_changes_that_the_pull_request_adds(
    branch, plan, command, tmp_path
):
    branch({"a.yaml": DRIFTING}, {"b.yaml": vm_yaml("db", "edited", "3Gi")})
    file = tmp_path / "plan.json"
    plan("--out", file)
    lines = command("comment", file, "-o", "github-output").out.splitlines()
    assert {"changes=2", "live=2", "added=1"} <= set(lines)


def validated(command, git, *more):
    return command("validate", "--repo", git, "--base", "main", *more)


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ({"a.yaml": BROKEN}, {"b.yaml": OTHER}, 0),
        ({"a.yaml": BROKEN}, {"a.yaml": f"# moved\n{BROKEN}"}, 0),
        ({"a.yaml": OTHER}, {"b.yaml": BROKEN}, 3),
        ({"a.yaml": BROKEN}, {"a.yaml": OTHER}, 0),
    ],
)
def test_validate_with_a_base_branch_fails_only_for_new_problems(
    branch, command, before, after, code
):
    git = branch(before, after)
    assert validated(command, git).code == code


def test_validate_with_a_base_branch_marks_existing_problems_in_every_format(branch, command):
    git = branch({"a.yaml": BROKEN, "c.yaml": BROKEN}, {"b.yaml": BROKEN, "c.yaml": OTHER})
    lines = validated(command, git).out.splitlines()
    mark = "(also in the base commit)"
    marks = {each[0]: each.endswith(mark) for each in lines if "error[" in each}
    assert marks == {"a": True, "b": False}
    assert "the merge base with main: 2 new or updated, 2 no longer reported" in lines[-1]
    document = validated(command, git, "-o", "json").json
    states = {each["at"]["path"]: each["baseline"] for each in document["diagnostics"]}
    assert states == {"a.yaml": "unchanged", "b.yaml": "new"}
    assert document["comparison"]["base"]["requested"] == "main"
    assert len(document["comparison"]["absentDiagnostics"]) == 2
    results = validated(command, git, "-o", "sarif").json["runs"][0]["results"]
    assert [each["baselineState"] for each in results] == [
        *("new", "new", "unchanged", "unchanged", "absent", "absent"),
    ]
    annotated = validated(command, git, "-o", "github").out
    assert "file=b.yaml" in annotated
    assert "file=a.yaml" not in annotated


def test_plan_of_a_pull_request_with_an_invalid_configuration_fails(branch, plan):
    branch({"a.yaml": DRIFTING}, {".reconciler.yaml": CONFIG + "mode: 7\n"})
    ended = plan("-o", "github")
    assert ended.code == 3
    assert "::error file=.reconciler.yaml" in ended.out
    assert (plan().code, plan().out) == (3, "")


def test_server_dry_run_result_does_not_count_as_a_pull_request_change(branch, serve, command):
    git = branch({"a.yaml": DRIFTING}, {"b.yaml": OTHER})
    options = ("--repo", git, "--base", "main", "--server-dry-run", "-o", "json")
    ended = command("plan", *options, "--detailed-exitcode", on=serve("hotplug", vms=VMS))
    states = {each["code"]: each["baseline"] for each in ended.json["diagnostics"]}
    assert (ended.code, states) == (0, {"server-dry-run": "unchanged"})


def test_cluster_is_read_once_for_the_plans_of_the_pull_request_and_the_base_branch(
    branch, serve, command
):
    git = branch({"a.yaml": DRIFTING}, {"b.yaml": vm_yaml("db", "edited", "3Gi")})
    cluster = serve("hotplug", vms=VMS)
    assert command("plan", "--repo", git, "--base", "main", on=cluster).code == 0
    paths = [each.path for each in cluster.ours()]
    assert len(paths) == len(set(paths)), "one list request per kind"
    assert cluster.writes() == []
