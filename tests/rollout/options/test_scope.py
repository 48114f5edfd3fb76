"""The options -n, -A and -l, and names on the command line, select VMs."""

from __future__ import annotations

import pytest
from support.simulated import vm_yaml

VMS = [
    {"name": name, "namespace": namespace, "guest": "1Gi"}
    for namespace, name in (("a", "one"), ("a", "two"), ("b", "three"), ("c", "alone"))
]
CR = """\
apiVersion: kubevirt.io/v1
kind: KubeVirt
metadata: {name: kubevirt, namespace: kubevirt}
spec: {configuration: {developerConfiguration: {featureGates: [ExpandDisks]}}}
---
"""


@pytest.fixture
def repo(git):
    three = vm_yaml("b", "three", "2Gi").replace("name: three", "name: three, labels: {app: db}")
    git.commit({"all.yaml": CR + vm_yaml("a", "one", "2Gi") + vm_yaml("a", "two", "2Gi") + three})
    return git


def planned(ended):
    return [f"{each['namespace']}/{each['name']}" for each in ended.json["objects"]]


EVERYTHING = ["kubevirt/kubevirt", "a/one", "a/two", "b/three"]


@pytest.mark.parametrize(
    ("arguments", "objects"),
    [
        ([], EVERYTHING),
        (["-A"], EVERYTHING),
        (["--all-namespaces", "-n", "a"], EVERYTHING),
        (["-n", "a"], ["a/one", "a/two"]),
        (["-n", "kubevirt"], ["kubevirt/kubevirt"]),
        (["-l", "app=db"], ["kubevirt/kubevirt", "b/three"]),
        (["a/one", "b/three"], ["a/one", "b/three"]),
        (["-n", "a", "two"], ["a/two"]),
        (["-n", "a", "a/two"], ["a/two"]),
    ],
)
def test_plan_contains_only_the_objects_that_the_options_select(
    arguments, objects, repo, serve, command
):
    cluster = serve("hotplug", vms=VMS)
    ended = command("plan", "--repo", repo, "-o", "json", *arguments, on=cluster)
    assert (ended.code, planned(ended)) == (0, objects)


def test_vm_name_absent_from_git_is_an_error(repo, serve, command):
    ended = command("plan", "--repo", repo, "a/onne", on=serve("hotplug"))
    assert (ended.code, ended.out) == (1, "")
    assert " has no VM a/onne\n  hint: did you mean a/one?" in ended.err


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["one"], 64, "the VM name one has no namespace"),
        (["-n", "b", "a/one"], 64, "a/one is not in the namespace b, which -n sets"),
        (["a/one", "-l", "app=db"], 64, "VM names and --selector cannot be combined"),
        (["a/b/one"], 64, "'a/b/one' is not a valid VM name"),
        (["/one"], 64, "'/one' is not a valid VM name"),
    ],
)
def test_malformed_vm_name_is_an_error(arguments, code, says, repo, command):
    ended = command("plan", "--repo", repo, *arguments)
    assert (ended.code, ended.out) == (code, "")
    assert says in ended.err
    assert "hint: " in ended.err


def test_manifest_file_with_a_vm_in_an_unselected_namespace_is_an_error(repo, serve, command):
    file = repo.path / "all.yaml"
    ended = command("validate", "-f", file, "-n", "a")
    assert ended.code == 3
    assert "the manifest sets the namespace b, but -n sets the namespace a" in ended.out


def test_apply_writes_only_the_vms_on_the_command_line(repo, serve, command):
    cluster = serve("hotplug", vms=VMS)
    ended = command("apply", "--yes", "--repo", repo, "a/two", on=cluster)
    assert ended.code == 0
    assert [each.path.rsplit("/", 1)[-1] for each in cluster.ours("PATCH", "kubevirt.io")] == [
        "two"
    ]


def test_unselected_vm_with_an_approval_is_not_reported_as_absent_from_git(
    repo, serve, command, tmp_path
):
    cluster, plan = serve("hotplug", vms=VMS), tmp_path / "plan.json"
    assert command("plan", "--repo", repo, "a/one", "a/two", "--out", plan, on=cluster).code == 0
    ended = command("apply", "--repo", repo, "--plan", plan, "a/one", "-o", "json", on=cluster)
    assert (ended.code, [each["name"] for each in ended.json["outcomes"]]) == (0, ["one"])


@pytest.mark.parametrize(
    ("arguments", "n", "others", "listed"),
    [
        (["-l", "app=db"], 1, "2 VMs in Git not selected, 1 VM not in Git", ["three"]),
        (["-l", "app=db", "-a"], 2, "2 VMs in Git not selected", ["three", "alone"]),
        (["-n", "a"], 2, "1 VM in Git not selected", ["one", "two"]),
        (["-n", "c", "--all"], 1, "3 VMs in Git not selected", ["alone"]),
    ],
)  # fmt: skip
def test_status_distinguishes_unselected_vms_from_vms_absent_from_git(
    arguments, n, others, listed, repo, serve, command
):
    ended = command("status", "--repo", repo, *arguments, on=serve("hotplug", vms=VMS))
    lines = ended.out.splitlines()
    vms = f"{n} VM listed" if n == 1 else f"{n} VMs listed"
    assert (ended.code, lines[-1]) == (0, f"{vms}, 0 migrations in progress, {others}.")
    assert [line.split()[1] for line in lines if line.startswith(("a ", "b ", "c "))] == listed
