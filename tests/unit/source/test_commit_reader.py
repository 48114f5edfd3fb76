"""``CommitReader`` reads only changed files again, with the same result as a new reader."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.errors import SourceError
from reconciler.model.references import vm_ref
from reconciler.source.git.repository import Repository
from reconciler.source.readers import CommitReader

from .conftest import GitRepo

VM = """\
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata: {{name: {name}{where}, labels: {{tier: {tier}}}}}
spec: {{template: {{spec: {{domain: {{memory: {{guest: {guest}}}}}}}}}}}
"""
CONFIG = "apiVersion: reconciler/v1alpha1\nkind: Config\n"
PATHS = ("vms/a.yaml", "vms/b.yaml", "vms/deep/c.yaml", "vms/ü.yml", "more/d.yaml", "e.json")


def vm(name, guest="2Gi", tier="db", where=", namespace: db"):
    return VM.format(name=name, guest=guest, tier=tier, where=where)


TEXTS = st.one_of(
    st.builds(
        vm,
        st.sampled_from("abc"),
        st.sampled_from(("1Gi", "2Gi", "2048Mi", "3G")),
        st.sampled_from(("db", "web")),
        st.sampled_from((", namespace: db", "")),
    ),
    st.just(vm("x") + "---\n" + vm("y")),
    st.just("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"),
    st.just("a: ["),
)
CONFIGS = st.sampled_from(
    (None, CONFIG, CONFIG + "paths: [vms]\n", CONFIG + "paths: [no]\n", CONFIG + "mode: 7\n")
)
STEPS = st.fixed_dictionaries(
    {
        "files": st.dictionaries(st.sampled_from(PATHS), st.none() | TEXTS, max_size=3),
        "config": st.none() | CONFIGS.map(lambda text: ("set", text)),
        "misnamed": st.booleans(),
        "kustomized": st.booleans(),
        "linked": st.booleans(),
        "back": st.integers(0, 3).map(lambda n: n == 3),
    }
)


def take(repo, step):
    """Change the working tree as *step* says, or reset it to the first commit; then commit."""
    if step["back"]:
        repo.git("reset", "--quiet", "--hard", repo.git("rev-list", "--max-parents=0", "HEAD"))
        return
    wanted = {
        **step["files"],
        ".reconciler.yml": CONFIG if step["misnamed"] else None,
        "vms/deep/kustomization.yaml": "resources: []\n" if step["kustomized"] else None,
        **({".reconciler.yaml": step["config"][1]} if step["config"] else {}),
    }
    link = repo.path / "vms/link.yaml"
    link.unlink(missing_ok=True)
    for name, text in wanted.items():
        if text is None:
            (repo.path / name).unlink(missing_ok=True)
    repo.write({name: text for name, text in wanted.items() if text is not None})
    if step["linked"]:
        link.parent.mkdir(exist_ok=True)
        link.symlink_to("a.yaml")
    repo.commit()


def told(reading):
    places = {ref: dict(each) for ref, each in reading.state.provenance.items()}
    return repr(reading), places


@given(st.lists(STEPS, min_size=1, max_size=4), st.sampled_from((None, "prod")))
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_reused_commit_reader_returns_the_same_state_as_a_new_reader(steps, namespace):
    folder = Path(tempfile.mkdtemp())
    try:
        repo = GitRepo(folder / "repo")
        repo.commit({"vms/a.yaml": vm("a")})
        with Repository.open(repo.path) as opened:
            following = CommitReader(opened, default_namespace=namespace)
            following.read()
            for step in steps:
                take(repo, step)
                afresh = CommitReader(opened, default_namespace=namespace).read()
                assert told(following.read()) == told(afresh)
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def opened(git_repo):
    git_repo.commit({f"vms/{name}.yaml": vm(name) for name in "abc"})
    with Repository.open(git_repo.path) as repository:
        yield repository


@pytest.fixture
def read(monkeypatch):
    """Returns a list that records the hashes of all Git objects whose contents are read."""
    found = []
    inner = Repository.many_contents

    def counting(self, blobs):
        found.extend(blobs)
        return inner(self, blobs)

    monkeypatch.setattr(Repository, "many_contents", counting)
    return found


def test_commit_reader_reads_only_changed_files_again(opened, git_repo, read):
    following = CommitReader(opened)
    following.read()
    assert len(read) == 3
    read.clear()
    git_repo.commit({"vms/b.yaml": vm("b", "4Gi")})
    following.read()
    assert read == [git_repo.git("rev-parse", "HEAD:vms/b.yaml")]


def test_commit_reader_reuses_objects_of_unchanged_files(opened, git_repo):
    following = CommitReader(opened, default_namespace="prod")
    git_repo.commit({"vms/c.yaml": vm("c", where="")})
    before = following.read().state
    git_repo.commit({"vms/b.yaml": vm("b", "4Gi")})
    after = following.read().state
    for ref in (vm_ref("db", "a"), vm_ref("prod", "c")):
        assert after.vms[ref] is before.vms[ref]
        assert after.provenance[ref] is before.provenance[ref]
    assert str(after.vms[vm_ref("db", "b")].guest) == "4Gi"


def test_commit_reader_does_not_read_the_same_commit_again(opened, git_repo, read):
    following = CommitReader(opened)
    first = following.read()
    read.clear()
    assert following.read() is first
    assert read == []


def test_commit_reader_works_after_git_has_deleted_the_previously_read_commit(opened, git_repo):
    following = CommitReader(opened)
    following.read()
    git_repo.git("checkout", "--quiet", "--orphan", "new")
    git_repo.git("rm", "--quiet", "-r", "--force", ".")
    git_repo.commit({"vms/b.yaml": vm("b", "4Gi")})
    git_repo.git("branch", "--quiet", "--delete", "--force", "main")
    git_repo.git("reflog", "expire", "--expire=now", "--all")
    git_repo.git("gc", "--quiet", "--prune=now")
    assert told(following.read()) == told(CommitReader(opened).read())


def test_commit_reader_reads_more_changed_paths_than_fit_on_a_command_line(opened, git_repo):
    following = CommitReader(opened)
    following.read()
    git_repo.commit({f"{'x' * 200}/{n}.yaml": vm(f"x-{n}") for n in range(900)})
    assert len(following.read().state.vms) == 903


@pytest.mark.parametrize("name", [":(top)a.yaml", "*.yaml", "-r.yaml", b"\xff.yaml"])
def test_commit_reader_sees_changes_of_files_with_unusual_names(opened, git_repo, name):
    following = CommitReader(opened)
    following.read()
    git_repo.commit({os.fsdecode(name): vm("odd")})
    assert told(following.read()) == told(CommitReader(opened).read())
    assert vm_ref("db", "odd") in following.read().state.vms
    (git_repo.path / os.fsdecode(name)).unlink()
    git_repo.commit()
    assert vm_ref("db", "odd") not in following.read().state.vms


def test_commit_reader_reads_two_files_with_similar_escaped_names(opened, git_repo):
    git_repo.commit({os.fsdecode(b"\xff.yaml"): vm("one"), "\\xff.yaml": vm("two")})
    following = CommitReader(opened)
    following.read()
    git_repo.commit({"\\xff.yaml": vm("two", "3Gi")})
    assert told(following.read()) == told(CommitReader(opened).read())
    assert {ref.name for ref in following.read().state.vms} >= {"one", "two"}


def staged(repo, mode, blob, *paths):
    """Add entries to the Git index, even if the file system does not support their names."""
    lines = b"".join(f"{mode} {blob}\t".encode() + path + b"\0" for path in paths)
    command = ["git", "update-index", "-z", "--add", "--index-info"]
    subprocess.run(command, cwd=repo.path, input=lines, check=True)


@pytest.mark.parametrize("names", [(b"\\xff.yaml", b"\xff.yaml"), (b"\xff.yaml", b"\\xff.yaml")])
def test_both_files_are_read_if_a_new_file_name_has_the_same_escaped_form_as_an_old_one(
    opened, git_repo, names
):
    following = CommitReader(opened)
    for name, path in zip(("one", "two"), names, strict=True):
        git_repo.commit({os.fsdecode(path): vm(name)})
        assert told(following.read()) == told(CommitReader(opened).read())
    assert {ref.name for ref in following.read().state.vms} >= {"one", "two"}


def test_git_submodule_with_the_setting_ignore_all_is_still_reported(opened, git_repo):
    modules = '[submodule "t"]\n\tpath = t.yaml\n\turl = ./t\n\tignore = all\n'
    head = git_repo.commit({".gitmodules": modules, "own.yaml": vm("own")})
    following = CommitReader(opened)
    assert following.read().state.diagnostics == ()
    staged(git_repo, "160000", head, b"t.yaml")
    git_repo.git("commit", "--quiet", "--message=submodule")
    assert told(following.read()) == told(CommitReader(opened).read())
    assert [each.code for each in following.read().state.diagnostics] == ["not-followed"]
    git_repo.git("rm", "--quiet", "--cached", "t.yaml")
    git_repo.git("commit", "--quiet", "--message=none")
    assert following.read().state.diagnostics == ()


@pytest.mark.parametrize(("n_names", "n_bytes"), [(400, 6_000), (1, 140_000)])
def test_commit_reader_reads_file_names_longer_than_a_command_line(
    opened, git_repo, n_names, n_bytes
):
    following = CommitReader(opened)
    following.read()
    (git_repo.path / "text").write_text(vm("long"))
    blob = git_repo.git("hash-object", "-w", "text")
    names = [b"%d%s.yaml" % (number, b"x" * n_bytes) for number in range(n_names)]
    staged(git_repo, "100644", blob, *names)
    git_repo.git("commit", "--quiet", "--message=long")
    assert told(following.read()) == told(CommitReader(opened).read())


def test_file_that_the_commit_reader_could_not_read_is_read_again_later(opened, git_repo):
    following = CommitReader(opened)
    following.read()
    git_repo.commit({"vms/b.yaml": vm("b", "4Gi")})
    blob = git_repo.git("rev-parse", "HEAD:vms/b.yaml")
    stored = git_repo.path / ".git/objects" / blob[:2] / blob[2:]
    kept = stored.rename(git_repo.path / ".git/kept")
    with pytest.raises(SourceError, match="missing"):
        following.read()
    kept.rename(stored)
    assert told(following.read()) == told(CommitReader(opened).read())
