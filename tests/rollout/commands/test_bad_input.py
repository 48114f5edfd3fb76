"""Commands report bad input in one sentence with location and hint, without a traceback."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field

import pytest
from support.served import Git, serving
from support.simulated import vm_yaml

GOOD = vm_yaml("default", "vm", "2Gi")
UNKNOWN = GOOD.replace("guest: 2Gi", "guest: 2Gi, gest: 3Gi")
TOKEN = "t0ken-of-nobody"
NEVER = ("Traceback", "Error(", "Exception", "None", TOKEN)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One bad input and the expected error message; {here} is the directory of the test."""

    arguments: str
    code: int
    says: tuple[str, ...]
    files: dict[str, str] | None = field(default_factory=lambda: {"vm.yaml": GOOD})
    """The files to commit to {here}/repo, or None for a repository without a commit."""
    beside: dict[str, str] = field(default_factory=dict)
    """The files to write to {here}, outside the repository."""


SOURCE = {
    "a folder without a repository": Case(
        arguments="plan --repo {here}/plain",
        code=1,
        beside={"plain/vm.yaml": GOOD},
        says=("{here}/plain is not a Git repository", "use the root directory of a repository"),
    ),
    "a missing folder": Case(
        arguments="apply --yes --repo {here}/nowhere",
        code=1,
        says=("{here}/nowhere does not exist", "use the root directory of a repository"),
    ),
    "an address without a repository": Case(
        arguments="reconcile --repo file://{here}/nowhere",
        code=1,
        says=(
            "file://{here}/nowhere cannot be fetched",
            "the server has no such repository",
            "check the repository URL",
        ),
    ),
    "an unsupported address": Case(
        arguments="reconcile --repo ftp://example.com/x",
        code=1,
        says=("'ftp://example.com/x' is not a supported", "use https://"),
    ),
    "an empty repository": Case(
        arguments="plan --repo {here}/repo",
        code=1,
        files=None,
        says=("{here}/repo has no commit yet", "commit the desired state to the repository"),
    ),
    "a missing revision": Case(
        arguments="plan --repo {here}/repo --revision mian",
        code=1,
        says=("the revision mian does not exist in {here}/repo", "did you mean main?"),
    ),
    "a revision missing on the remote": Case(
        arguments="reconcile --repo file://{here}/repo --revision v9",
        code=1,
        says=(
            "the revision v9 does not exist in file://{here}/repo",
            "use a branch, a tag or a full",
        ),
    ),
    "an address of a manifest": Case(
        arguments=f"plan -f https://somebody:{TOKEN}@example.com/vm.yaml",
        code=1,
        says=("-f reads local files, but its value is a URL", "curl -fsSL URL"),
    ),
    "a missing file": Case(
        arguments="plan -f {here}/vm.yaml",
        code=1,
        says=("{here}/vm.yaml does not exist", "use a file, a directory, or - for stdin"),
    ),
}
DESIRED = {
    "a file that is not YAML": Case(
        arguments="plan --repo {here}/repo",
        code=3,
        files={"vms/db.yaml": "kind: KubeVirt\na: [1\nb: 2\n"},
        says=("vms/db.yaml:3:2: error[not-yaml]", "check the indentation"),
    ),
    "a quantity 2GB": Case(
        arguments="apply --yes --repo {here}/repo",
        code=3,
        files={"vms/db.yaml": vm_yaml("default", "vm", "2GB")},
        says=(
            "vms/db.yaml:5:51: error[bad-quantity]",
            "a string of 3 characters is not a quantity",
            "mean 2Gi",
        ),
    ),
    "a duplicate VM": Case(
        arguments="reconcile --repo {here}/repo",
        code=3,
        files={"a.yaml": GOOD, "b.yaml": GOOD},
        says=(
            "b.yaml:2:1: error[duplicate-object]",
            "the first one is at a.yaml:2:1",
            "delete one",
        ),
    ),
    "an unknown field under memory": Case(
        arguments="plan --repo {here}/repo",
        code=3,
        files={"a.yaml": UNKNOWN},
        says=("a.yaml:5:56: error[unknown-field]", "memory.gest", "did you mean guest?"),
    ),
    "a VM without a namespace": Case(
        arguments="plan --repo {here}/repo",
        code=3,
        files={"a.yaml": GOOD.replace(", namespace: default", "")},
        says=("a.yaml:4:11: error[no-namespace]", "set the namespace with -n"),
    ),
}
CONFIGURATION = {
    "an unknown value in the configuration": Case(
        arguments="reconcile --repo {here}/repo",
        code=3,
        files={
            ".reconciler.yaml": "apiVersion: reconciler/v1alpha1\nkind: Config\nmode: enforced\n"
        },
        says=(".reconciler.yaml:3:7: error[bad-value]", "did you mean enforce?"),
    ),
}
USAGE = {
    "an unknown option": Case(
        arguments="plan --repo {here}/repo --nope",
        code=64,
        says=("No such option: --nope", "reconciler --help"),
    ),
    "an unknown command": Case(
        arguments="plann", code=64, says=("No such command 'plann'", "Did you mean 'plan'?")
    ),
    "two sources": Case(
        arguments="plan --repo {here}/repo -f -",
        code=64,
        says=("--repo and -f cannot be combined", "use only one of the two"),
    ),
    "no source": Case(
        arguments="reconcile",
        code=64,
        says=("no source for the desired state is set", "set --repo"),
    ),
    "a revision option with files": Case(
        arguments="plan -f {here}/repo/vm.yaml --revision main",
        code=64,
        says=(
            "--revision needs --repo and cannot be combined with -f",
            "use only one of the two options",
        ),
    ),
    "a revision option with a working tree": Case(
        arguments="plan --repo {here}/repo --working-tree --revision main",
        code=64,
        says=(
            "--working-tree and --revision cannot be combined",
            "use only one of the two options",
        ),
    ),
    "a deadline without a unit": Case(
        arguments="apply --repo {here}/repo --deadline 10",
        code=64,
        says=(
            "a string of 2 characters is not a duration; write it as 90s, 10m or 1h30m",
            "--deadline",
        ),
    ),
    "a deadline of zero": Case(
        arguments="apply --repo {here}/repo --deadline 0s",
        code=64,
        says=("--deadline", "'0s' is not greater than zero"),
    ),
    "an unknown mode": Case(
        arguments="reconcile --repo {here}/repo --mode obey",
        code=64,
        says=("--mode obey is unknown", "set --mode to observe or enforce"),
    ),
    "an invalid selector": Case(
        arguments="plan --repo {here}/repo -l a=b=c",
        code=64,
        says=("--selector a=b=c", "write a=b, a!=b"),
    ),
    "a missing kubeconfig": Case(
        arguments="plan --repo {here}/repo --kubeconfig {here}/none",
        code=64,
        says=("the kubeconfig {here}/none does not exist", "set --kubeconfig or"),
    ),
    "a missing output folder": Case(
        arguments="snapshot --out {here}/none/live.json",
        code=64,
        says=(
            "--out file {here}/none/live.json cannot be written: No such file",
            "in an existing, writable directory",
        ),
    ),
}
FILES = {
    "a context missing in the kubeconfig": Case(
        arguments="plan --repo {here}/repo --context prod",
        code=1,
        says=("it has no context prod", "kubectl config view"),
    ),
    "a kubeconfig that is not YAML": Case(
        arguments="plan --repo {here}/repo --kubeconfig {here}/config",
        code=1,
        beside={"config": f"users: [{{token: {TOKEN}\n"},
        says=("the kubeconfig {here}/config:2:1 is not valid YAML", "select another one"),
    ),
    "a snapshot that is not valid JSON": Case(
        arguments="plan --repo {here}/repo --snapshot {here}/live.json",
        code=1,
        beside={"live.json": "hello"},
        says=("the snapshot {here}/live.json is not valid JSON", "reconciler snapshot"),
    ),
    "a JSON file that is not a snapshot": Case(
        arguments="status --repo {here}/repo --snapshot {here}/live.json",
        code=1,
        beside={"live.json": '{"apiVersion": "v1", "kind": "Pod"}'},
        says=("the document is not a Snapshot: its kind is 'Pod'", "reconciler snapshot"),
    ),
    "a missing snapshot": Case(
        arguments="plan --repo {here}/repo --snapshot {here}/none.json",
        code=1,
        says=("the snapshot {here}/none.json cannot be read: No such file",),
    ),
}
CASES = SOURCE | CONFIGURATION | USAGE | FILES


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("cluster") / "kubeconfig", "hotplug") as served:
        yield served


def refused(ended, case_says, code) -> None:
    """Check that a command printed exactly one error to stderr, and nothing to stdout."""
    assert (ended.code, ended.out) == (code, "")
    assert [each for each in case_says if each not in ended.err] == []
    assert [each for each in NEVER if each in ended.err] == []
    lines = ended.err.splitlines()
    assert sum(each.startswith("error: ") for each in lines) == 1


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_bad_input_is_reported_in_one_sentence_with_location_and_hint(
    case, cluster, command, tmp_path, monkeypatch
):
    repository = Git(tmp_path / "repo")
    if case.files is not None:
        repository.commit(case.files)
    for name, text in case.beside.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("RECONCILER_KUBECONFIG", str(cluster.kubeconfig))
    before = len(cluster.writes())
    ended = command(*case.arguments.format(here=tmp_path).split())
    refused(ended, [each.format(here=tmp_path) for each in case.says], case.code)
    assert "  hint: " in ended.err, "every error has a hint"
    assert len(cluster.writes()) == before


@pytest.mark.parametrize("case", DESIRED.values(), ids=DESIRED.keys())
def test_invalid_manifest_is_reported_with_location_and_hint_and_the_command_continues(
    case, cluster, command, tmp_path, monkeypatch
):
    Git(tmp_path / "repo").commit(case.files)
    monkeypatch.setenv("RECONCILER_KUBECONFIG", str(cluster.kubeconfig))
    ended = command(*case.arguments.format(here=tmp_path).split())
    text = ended.out + ended.err
    assert (ended.code, [each for each in case.says if each not in text]) == (case.code, [])
    assert [each for each in NEVER if each in text] == []
    assert [path for _, path in cluster.writes() if "/virtualmachines/" in path] == []


@pytest.mark.parametrize("name", ["plan", "apply", "reconcile", "status", "snapshot"])
@pytest.mark.parametrize(
    ("world", "says"),
    [
        ("no-kubevirt", ("has no KubeVirt CR", "hint: create a KubeVirt CR, or use the context")),
        (
            "two-kubevirts",
            ("has 2 KubeVirt CRs", "kubevirt/kubevirt, kubevirt/kubevirt-two", "hint: delete"),
        ),
    ],
)
def test_cluster_without_exactly_one_kubevirt_cr_is_rejected(
    world, says, name, serve, git, command
):
    git.commit({"vm.yaml": GOOD})
    source = [] if name == "snapshot" else ["--repo", git]
    source += ["--yes"] if name == "apply" else []
    served = serve(world)
    refused(command(name, *source, on=served), says, 1)
    assert served.writes() == []


def test_api_token_that_the_server_does_not_know_is_reported_as_status_401(
    serve, git, command, tmp_path
):
    git.commit({"vm.yaml": GOOD})
    kubeconfig = serve("hotplug").credentials(tmp_path / "kubeconfig", TOKEN)
    ended = command("apply", "--yes", "--repo", git, "--kubeconfig", kubeconfig)
    refused(ended, ("the server rejected the credentials (401", "hint: check the token"), 1)


def test_missing_permission_is_reported_with_the_resource_and_a_hint(
    serve, git, command, tmp_path
):
    git.commit({"vm.yaml": GOOD})
    served = serve("hotplug", rbac="enforced", tokens={TOKEN: {"user": "somebody"}})
    kubeconfig = served.credentials(tmp_path / "kubeconfig", TOKEN)
    ended = command("plan", "--repo", git, "--kubeconfig", kubeconfig)
    says = ('User "somebody" cannot list resource "kubevirts"', "hint: grant the permission")
    refused(ended, says, 1)


def test_git_fetch_ends_at_the_run_deadline(command):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"http://127.0.0.1:{mute.getsockname()[1]}/vms.git"
        ended = command("reconcile", "--repo", address, "--deadline", "500ms")
    refused(ended, (f"{address} was not fetched before the deadline", "hint: allow more"), 1)


def test_error_about_an_unreachable_api_server_contains_its_url(serve, git, command, tmp_path):
    git.commit({"vm.yaml": GOOD})
    kubeconfig = tmp_path / "kubeconfig"
    # No server listens on port 9 (discard), and the kernel never picks a port below 1024.
    kubeconfig.write_text(serve("hotplug").simulator.kubeconfig("http://127.0.0.1:9", TOKEN))
    ended = command("plan", "--repo", git, "--kubeconfig", kubeconfig)
    refused(ended, ("127.0.0.1:9: connection refused", "hint: check that the API server"), 1)
