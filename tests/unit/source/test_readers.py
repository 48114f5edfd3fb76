"""Tests how the configuration and the desired state of one Git revision are read."""

import pytest
from support.builders import text_of
from support.manifest_texts import named_vm as vm

from reconciler.model.desired.config import Config, OptionOrigin, OriginKind
from reconciler.model.fields import GUEST_MEMORY
from reconciler.model.references import kubevirt_ref, vm_ref
from reconciler.model.selector import Selector
from reconciler.source.git.repository import Repository
from reconciler.source.readers import CommitReader, StreamReader, WorkingTreeReader
from reconciler.source.yaml.decode_text import MAX_DOCUMENT_BYTES, MAX_FILE_BYTES

CONFIG = "apiVersion: reconciler/v1alpha1\nkind: Config\n"
FLAG = OptionOrigin(OriginKind.FLAG, "--path")
CR = "apiVersion: kubevirt.io/v1\nkind: KubeVirt\nmetadata: {name: %s, namespace: kubevirt}\n"


@pytest.fixture
def opened(git_repo):
    with Repository.open(git_repo.path) as repository:
        yield repository


def messages(state):
    return [text_of(each) for each in state.diagnostics]


def test_git_commit_is_read_with_the_configuration_in_the_same_commit(opened, git_repo):
    first = git_repo.commit(
        {
            ".reconciler.yaml": CONFIG + "paths: [vms, cr.yaml]\nmode: observe\n",
            "vms/b.yaml": vm("b"),
            "vms/deep/a.yml": vm("a") + "---\napiVersion: v1\nkind: Secret\n",
            "cr.yaml": CR % "kubevirt",
            "elsewhere/c.yaml": vm("c"),
            "vms/notes.txt": "a: [",
        }
    )
    git_repo.commit({".reconciler.yaml": CONFIG})
    reading = CommitReader(opened, first).read()
    state = reading.state
    assert reading.config.mode == "observe"
    assert messages(state) == []
    assert (state.revision, state.dirty, state.valid) == (first, False, True)
    assert list(state.vms) == [vm_ref("db", "a"), vm_ref("db", "b")]
    assert state.kubevirt.ref == kubevirt_ref("kubevirt", "kubevirt")
    assert state.skipped == {"Secret": 1}
    place = state.at(vm_ref("db", "a"), GUEST_MEMORY)
    assert str(place) == "vms/deep/a.yml:4:51"
    assert list(CommitReader(opened, "main").read().state.vms)[2] == vm_ref("db", "c")


def test_all_directories_are_read_from_a_commit_without_a_configuration(opened, git_repo):
    git_repo.commit({"a.yaml": vm("a"), "x/b.json": vm("b"), "x/y/z/c.yaml": vm("c")})
    reading = CommitReader(opened).read()
    assert reading.config == Config()
    assert [ref.name for ref in reading.state.vms] == ["a", "b", "c"]


def test_hidden_directory_is_skipped_unless_the_configured_paths_list_it(opened, git_repo):
    git_repo.commit(
        {
            "a.yaml": vm("a"),
            ".b.yaml": vm("b"),
            ".vscode/settings.json": "{\n // kind: VirtualMachine\n",
            "x/.github/c.yaml": vm("c"),
        }
    )
    state = CommitReader(opened).read().state
    assert ([ref.name for ref in state.vms], messages(state)) == (["a", "b"], [])
    git_repo.commit({".reconciler.yaml": CONFIG + "paths: [x/.github]\n"})
    assert [ref.name for ref in CommitReader(opened).read().state.vms] == ["c"]


def test_paths_that_the_configuration_excludes_are_not_read(opened, git_repo):
    files = {"a.yaml": vm("a"), "lab/b.yaml": "kind: KubeVirt\n- [", "lab2/c.yaml": vm("c")}
    git_repo.commit(files)
    assert not CommitReader(opened).read().state.valid
    git_repo.commit({".reconciler.yaml": CONFIG + "exclude: [lab, lab2/c.yaml]\n"})
    state = CommitReader(opened).read().state
    assert ([ref.name for ref in state.vms], messages(state)) == (["a"], [])


def test_helm_chart_is_reported_once_and_is_an_error_only_if_it_contains_vm_manifests(
    opened, git_repo
):
    git_repo.commit(
        {
            "a.yaml": vm("a"),
            "web/Chart.yaml": "apiVersion: v2\nname: web\n",
            "web/templates/service.yaml": "{{- if .Values.on }}\nkind: Service\n{{- end }}\n",
            "vms/Chart.yaml": "apiVersion: v2\nname: vms\n",
            "vms/templates/vm.yaml": "{{- if .Values.on }}\nkind: VirtualMachine\n{{- end }}\n",
            "vms/values.yaml": "a: [",
            "plain/Chart.yaml": "apiVersion: v2\nname: plain\n",
        }
    )
    state = CommitReader(opened).read().state
    assert [ref.name for ref in state.vms] == ["a"]
    assert [(each.severity, each.code, each.at.path) for each in state.diagnostics] == [
        ("error", "chart", "vms/Chart.yaml"),
        ("note", "chart", "web/Chart.yaml"),
    ]


def test_kustomization_without_vm_manifests_is_reported_as_a_note(opened, git_repo):
    git_repo.commit({"a/kustomization.yaml": "resources: [b.yaml]\n", "a/b.yaml": "a: [\n"})
    found = CommitReader(opened).read().state.diagnostics[-1]
    assert (found.severity, found.code) == ("note", "kustomization")


def test_files_without_vm_or_kubevirt_objects_are_counted(opened, git_repo):
    git_repo.commit(
        {
            "a.yaml": "a: [",
            "b.yaml": b"\xff",
            "c.json": "{ // comment\n}",
            "d.yaml": "apiVersion: v1\nkind: ConfigMap\na: 1\na: 2\n",
            "e.yaml": "kubevirt: [\n",
            "f.yaml": vm("f"),
        }
    )
    state = CommitReader(opened).read().state
    assert (messages(state), state.skipped, state.ignored) == ([], {"ConfigMap": 1}, 4)


def test_command_line_options_override_the_configuration_in_git(opened, git_repo):
    git_repo.commit({".reconciler.yaml": CONFIG + "paths: [x]\n", "y/a.yaml": vm("a")})
    reading = CommitReader(
        opened, override=lambda config: config.overridden({"paths": ("./y/",)}, FLAG)
    ).read()
    assert [ref.name for ref in reading.state.vms] == ["a"]
    assert reading.config.origin("paths") == FLAG


def test_valid_manifest_files_are_read_although_another_file_is_invalid(opened, git_repo):
    git_repo.commit(
        {
            "a.yaml": "kind: VirtualMachine\na: [",
            "b.yaml": b"kind: VirtualMachine\n\xff",
            "c.yaml": vm("c", guest="2GB"),
            "d.yaml": vm("d"),
            "e.yaml": vm("e", namespace=""),
        }
    )
    state = CommitReader(opened).read().state
    assert [(each.code, each.at.path) for each in state.diagnostics] == [
        ("not-yaml", "a.yaml"),
        ("not-text", "b.yaml"),
        ("bad-quantity", "c.yaml"),
        ("no-namespace", "e.yaml"),
    ]
    assert list(state.vms) == [vm_ref("db", "c"), vm_ref("db", "d")]
    assert not state.valid


def test_duplicate_object_is_reported_with_both_locations(opened, git_repo):
    git_repo.commit({"a.yaml": vm("a"), "b.yaml": "# second\n" + vm("a", guest="4Gi")})
    state = CommitReader(opened).read().state
    assert messages(state) == [
        (
            "b.yaml:2:1: error[duplicate-object] VirtualMachine db/a: the object appears twice "
            "in the desired state\n"
            "  the first one is at a.yaml:1:1\n"
            "  hint: delete one of the two manifests"
        )
    ]
    assert str(state.vms[vm_ref("db", "a")].guest) == "2Gi"


def test_second_kubevirt_cr_is_reported_with_its_location(opened, git_repo):
    git_repo.commit({"a.yaml": CR % "one", "b.yaml": CR % "two", "c.yaml": CR % "one"})
    diagnostics = CommitReader(opened).read().state.diagnostics
    assert [text_of(each).partition("\n")[0] for each in diagnostics] == [
        (
            "b.yaml:1:1: error[two-kubevirts] KubeVirt kubevirt/two: a cluster has only one "
            "KubeVirt CR, but the desired state contains a second one"
        ),
        (
            "c.yaml:1:1: error[duplicate-object] KubeVirt kubevirt/one: the object appears "
            "twice in the desired state"
        ),
    ]


def test_vm_manifest_without_a_namespace_uses_the_default_namespace_if_one_is_set(
    opened, git_repo
):
    complete = vm("a", namespace="").replace("memory:", "devices: {}, memory:")
    git_repo.commit({"a.yaml": complete.replace("spec: {", "spec: {running: true, ", 1)})
    assert messages(CommitReader(opened).read().state) == [
        (
            "a.yaml:3:11: error[no-namespace] VirtualMachine a: the manifest does not set "
            "metadata.namespace\n"
            "  hint: set metadata.namespace, or set the namespace with -n"
        )
    ]
    state = CommitReader(opened, default_namespace="prod").read().state
    assert messages(state) == []
    (desired,) = state.vms.values()
    assert desired.ref == vm_ref("prod", "a")
    assert desired.manifest["metadata"]["namespace"] == "prod"
    assert str(state.at(desired.ref, GUEST_MEMORY)).startswith("a.yaml:4:")


def test_vm_without_a_namespace_has_the_default_namespace_in_diagnostics_about_it(
    opened, git_repo
):
    git_repo.commit({"a.yaml": vm("a", namespace="", guest="4G"), "b.yaml": vm("a", "prod")})
    state = CommitReader(opened, default_namespace="prod").read().state
    assert [(each.code, str(each.ref)) for each in state.diagnostics] == [
        ("misaligned", "VirtualMachine prod/a"),
        ("duplicate-object", "VirtualMachine prod/a"),
    ]


def test_label_selector_omits_vms_that_do_not_match_and_reports_their_number(opened, git_repo):
    git_repo.commit(
        {
            ".reconciler.yaml": CONFIG + "selector: tier=db\n",
            "a.yaml": vm("a", labels="{tier: db}"),
            "b.yaml": vm("b", labels="{tier: web}"),
            "c.yaml": vm("c"),
        }
    )
    state = CommitReader(opened).read().state
    assert [ref.name for ref in state.vms] == ["a"]
    assert messages(state) == ["note[not-selected] 2 of 3 VMs do not match the selector tier=db"]


def test_directory_with_a_kustomization_and_vm_manifests_is_an_error(opened, git_repo):
    git_repo.commit(
        {
            "base/kustomization.yaml": "resources: [vm.yaml]\n",
            "base/vm.yaml": vm("a"),
            "base/deep/vm.yaml": "a: [",
            "plain/vm.yaml": vm("b"),
        }
    )
    state = CommitReader(opened).read().state
    assert [ref.name for ref in state.vms] == ["b"]
    assert messages(state) == [
        (
            "base/kustomization.yaml:1:1: error[kustomization] the directory base has a "
            "kustomization, which only kustomize can render\n"
            "  hint: render the directory and pipe in the result (kubectl kustomize base | "
            "reconciler plan -f -), or add the directory to `exclude` in .reconciler.yaml"
        )
    ]


def test_links_and_submodules_in_git_are_reported_and_not_followed(opened, git_repo):
    commit = git_repo.commit({"real.yaml": vm("a")})
    (git_repo.path / "link.yaml").symlink_to("real.yaml")
    (git_repo.path / "folder").symlink_to("/etc")
    git_repo.git("add", "--all")
    git_repo.git("update-index", "--add", "--cacheinfo", f"160000,{commit},sub")
    git_repo.git("commit", "--quiet", "--message=links")
    state = CommitReader(opened).read().state
    assert [text_of(each).partition("\n")[0] for each in state.diagnostics] == [
        "folder:1:1: note[not-followed] this is a symbolic link, so its content is not read",
        (
            "link.yaml:1:1: warning[not-followed] this is a symbolic link, so its content is "
            "not read"
        ),
        "sub:1:1: warning[not-followed] this is a submodule, so its content is not read",
    ]


def test_manifest_file_above_the_size_limit_is_reported_and_not_read(opened, git_repo):
    ours = b"#" * MAX_FILE_BYTES + b"\nkind: VirtualMachine\n"
    foreign = b"#" * (MAX_FILE_BYTES + 1)
    git_repo.commit({"big.yaml": ours, "foreign.yaml": foreign, "a.yaml": vm("a")})
    for reader in (CommitReader(opened), WorkingTreeReader(opened)):
        state = reader.read().state
        assert messages(state) == [
            (
                "big.yaml:1:1: error[too-large] the file has 50,000,022 bytes, but the limit "
                "is 50,000,000 bytes\n"
                "  hint: split the file, or add it to `exclude` in .reconciler.yaml"
            )
        ]
        assert list(state.vms) == [vm_ref("db", "a")]


def test_size_limit_for_one_document_does_not_apply_to_the_whole_input_stream():
    foreign = "---\nkind: ConfigMap\napiVersion: v1\ndata: {kind: VirtualMachine, a: %s}\n"
    large = foreign % ("x" * (MAX_DOCUMENT_BYTES // 4))
    too_large = foreign % ("x" * MAX_DOCUMENT_BYTES)
    config = "---\napiVersion: reconciler/v1alpha1\nkind: Config\nmode: observe\n"
    text = "".join([vm("a"), *[large] * 5, too_large, "---\n", vm("b", guest="0"), config])
    reading = StreamReader([("stdin", text.encode())]).read()
    assert list(reading.state.vms) == [vm_ref("db", "a"), vm_ref("db", "b")]
    assert reading.state.skipped == {"ConfigMap": 5}
    assert (reading.bound, reading.config.mode) == (True, "observe")
    found = [(each.at.line, each.code) for each in reading.state.diagnostics]
    before = text[: text.index("guest: 0")].count("\n") + 1
    assert found == [(25, "too-large"), (before, "bad-quantity")], "lines are those of the stream"


def test_configured_path_that_does_not_exist_is_reported_at_its_location_in_the_configuration(
    opened, git_repo
):
    commit = git_repo.commit(
        {".reconciler.yaml": CONFIG + "paths: [vms]\n", "vmss/a.yaml": vm("a")}
    )
    state = CommitReader(opened).read().state
    assert messages(state) == [
        (
            f"warning[nothing-found] {commit} contains no VirtualMachine and no KubeVirt, so "
            "no object is compared with the cluster\n"
            "  hint: check the repository, and `paths` and `exclude` in .reconciler.yaml"
        ),
        (
            f".reconciler.yaml:3:8: warning[path-missing] the path 'vms' is not in {commit}\n"
            "  hint: correct `paths` in .reconciler.yaml"
        ),
    ]


@pytest.mark.parametrize("name", [".reconciler.yml", "reconciler.yaml"])
def test_misnamed_configuration_file_is_an_error(opened, git_repo, name):
    git_repo.commit({name: CONFIG + "mode: observe\n"})
    assert messages(CommitReader(opened).read().state) == [
        (
            f"{name}:1:1: error[misnamed-config] the configuration is read only from a file "
            "with the name .reconciler.yaml\n"
            "  hint: rename this file to .reconciler.yaml"
        )
    ]


def test_invalid_configuration_makes_the_desired_state_invalid(opened, git_repo):
    git_repo.commit({".reconciler.yaml": CONFIG + "mod: observe\n"})
    state = CommitReader(opened).read().state
    assert [each.code for each in state.diagnostics] == ["unknown-field"]


def test_commit_reader_resolves_the_branch_again_at_each_read(opened, git_repo):
    git_repo.commit({"a.yaml": vm("a")})
    reader = CommitReader(opened, "main")
    assert len(reader.read().state.vms) == 1
    second = git_repo.commit({"b.yaml": vm("b")})
    assert (reader.read().state.revision, len(reader.read().state.vms)) == (second, 2)


def test_clean_working_tree_is_reported_with_its_commit_hash(opened, git_repo):
    commit = git_repo.commit({"a.yaml": vm("a")})
    state = WorkingTreeReader(opened).read().state
    assert (state.revision, state.dirty, len(state.vms)) == (commit, False, 1)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        pytest.param({"vms/a.yaml": vm("x")}, ["x"], id="changed file"),
        pytest.param({"vms/b.yaml": vm("b")}, ["a", "b"], id="untracked file"),
        pytest.param(
            {".reconciler.yaml": CONFIG + "paths: ['vms']\n"}, ["a"], id="changed configuration"
        ),
    ],
)
@pytest.mark.parametrize("staged", [False, True])
def test_working_tree_with_a_changed_manifest_is_dirty(opened, git_repo, change, names, staged):
    commit = git_repo.commit(
        {".reconciler.yaml": CONFIG + "paths: [vms]\n", "vms/a.yaml": vm("a")}
    )
    git_repo.write(change)
    if staged:
        git_repo.git("add", "--all")
    state = WorkingTreeReader(opened).read().state
    assert (state.revision, state.dirty) == (commit, True)
    assert [ref.name for ref in state.vms] == names


def test_deleted_file_makes_the_working_tree_dirty(opened, git_repo):
    git_repo.commit({"a.yaml": vm("a"), "b.yaml": vm("b")})
    (git_repo.path / "a.yaml").unlink()
    state = WorkingTreeReader(opened).read().state
    assert (state.dirty, [ref.name for ref in state.vms]) == (True, ["b"])


def test_changes_outside_the_configured_paths_leave_the_working_tree_clean(opened, git_repo):
    git_repo.commit(
        {
            ".reconciler.yaml": CONFIG + "paths: [vms]\n",
            "vms/a.yaml": vm("a"),
            ".gitignore": "ig\n",
        }
    )
    git_repo.write({"README.md": "x", "other/b.yaml": vm("b"), "vms/ig/c.yaml": vm("c")})
    state = WorkingTreeReader(opened).read().state
    assert (state.dirty, [ref.name for ref in state.vms]) == (False, ["a"])


def test_working_tree_of_a_repository_without_a_commit_is_read(opened, git_repo):
    git_repo.write({"a.yaml": vm("a")})
    state = WorkingTreeReader(opened).read().state
    assert (state.revision, state.dirty, len(state.vms)) == ("working-tree", True, 1)


def test_symbolic_link_that_replaces_a_directory_of_the_working_tree_is_not_followed(
    opened, git_repo, tmp_path
):
    git_repo.commit({"vms/a.yaml": vm("a"), "b.yaml": vm("b")})
    (git_repo.path / "vms").rename(tmp_path / "outside")
    (git_repo.path / "vms").symlink_to(tmp_path / "outside")
    state = WorkingTreeReader(opened).read().state
    assert [ref.name for ref in state.vms] == ["b"]
    assert ("not-followed", "vms/a.yaml") in [(d.code, d.at.path) for d in state.diagnostics]


def test_manifests_in_an_input_stream_are_read_in_order_with_their_file_names():
    texts = [("stdin", vm("a").encode()), ("more.yaml", vm("b", labels="{tier: db}").encode())]
    state = StreamReader(texts).read().state
    assert (state.revision, state.dirty, messages(state)) == ("stdin", False, [])
    assert str(state.at(vm_ref("db", "b"))) == "more.yaml:1:1"
    config = Config(selector=Selector.parse("tier=db"))
    reading = StreamReader(texts, name="files", config=config).read()
    assert (reading.config, reading.state.revision, len(reading.state.vms)) == (config, "files", 1)


@pytest.mark.parametrize("text", [b"", b"\n", b"# a comment\n", b"---\n"])
def test_empty_input_stream_is_an_error(text):
    """The output of a failed `kubectl kustomize` must not count as an empty desired state."""
    state = StreamReader([("stdin", text)]).read().state
    assert [(each.severity, each.code) for each in state.diagnostics] == [
        ("error", "nothing-read")
    ]
    assert not state.valid


def test_kubevirt_manifest_without_a_namespace_ignores_the_default_namespace(opened, git_repo):
    git_repo.commit({"cr.yaml": (CR % "kubevirt").replace(", namespace: kubevirt", "")})
    for namespace in (None, "db"):
        state = CommitReader(opened, default_namespace=namespace).read().state
        assert (messages(state), state.kubevirt.ref) == ([], kubevirt_ref("", "kubevirt"))


def test_repository_without_a_vm_or_kubevirt_manifest_causes_a_warning(opened, git_repo):
    git_repo.commit({"a.yaml": "apiVersion: v1\nkind: Secret\n"})
    (found,) = CommitReader(opened).read().state.diagnostics
    assert (found.severity, found.code) == ("warning", "nothing-found")


def test_label_selector_that_matches_no_vm_causes_a_warning(opened, git_repo):
    git_repo.commit({".reconciler.yaml": CONFIG + "selector: tier=db\n", "a.yaml": vm("a")})
    (found,) = CommitReader(opened).read().state.diagnostics
    assert (found.severity, found.code) == ("warning", "nothing-selected")
