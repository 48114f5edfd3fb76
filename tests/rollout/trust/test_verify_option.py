"""With --verify, only commits that were signed with a trusted key are applied."""

from __future__ import annotations

import html
import json
import shutil

import pytest
from support.signing.signatures import SSHKeys
from support.simulated import vm_yaml

from reconciler.source.git.repository import Repository

HEAD = "apiVersion: reconciler/v1alpha1\nkind: Verification\n"
VM = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines/vm"


def guest(cluster):
    return cluster.get(VM)["spec"]["template"]["spec"]["domain"]["memory"]["guest"]


class Team:
    """A repository with signed commits, and a mounted file for the option --verify."""

    def __init__(self, git, folder):
        self.git = git
        self.keys = SSHKeys(folder)
        self.alice, self.mallory = self.keys.create("alice"), self.keys.create("mallory")
        self.file = folder / "verify.yaml"
        self.trust()

    def trust(self, more="", *, require="commit"):
        self.file.write_text(
            f"{HEAD}require: {require}\nssh:\n  allowedSigners: |\n"
            f"    alice@example.com {self.keys.public(self.alice)}\n{more}"
        )

    def commit(self, size, key=None):
        """Commit a new VM size, signed if a key is given."""
        (self.git.path / "vm.yaml").write_text(vm_yaml("default", "vm", size))
        self.git("add", "--all")
        sign = (*self.keys.settings(key), "commit", "--gpg-sign") if key else ("commit",)
        self.git(*sign, "--quiet", "--allow-empty", "--message=change")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def team(git, tmp_path):
    (tmp_path / "mount").mkdir()
    return Team(git, tmp_path / "mount")


def test_signed_commit_is_applied_and_its_signer_is_shown(team, serve, command, tmp_path):
    cluster = serve("hotplug")
    commit = team.commit("2Gi", team.alice)
    arguments = ("--repo", team.git, "--verify", team.file)
    plan = command("plan", *arguments, "-o", "json", on=cluster).json
    signer = plan["commit"]["signer"]
    assert (plan["revision"], plan["commit"]["refused"]) == (commit, [])
    assert signer.startswith("alice@example.com (SSH key SHA256:")
    for form in ("text", "markdown", "html"):
        shown = command("plan", *arguments, "-o", form, on=cluster).out
        assert "signed by alice@" in html.unescape(shown).replace("<code>", "")
    assert f"signed by {signer}" in command("status", *arguments, on=cluster).out
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    ended = command("apply", "--yes", *arguments, "-o", "json", on=cluster)
    assert (ended.code, guest(cluster)) == (0, "2Gi")
    assert ended.json["plan"]["commit"]["signer"] == signer


REFUSALS = {
    "unsigned": None,
    "unknown-signer": "mallory",
}


@pytest.mark.parametrize("name", ["apply", "reconcile"])
@pytest.mark.parametrize("reason", REFUSALS)
def test_commit_without_a_trusted_signature_is_not_applied(reason, name, team, serve, command):
    cluster = serve("hotplug")
    good = team.commit("2Gi", team.alice)
    bad = team.commit("3Gi", getattr(team, REFUSALS[reason] or "", None))
    flags = ["--yes"] if name == "apply" else []
    ended = command(
        name, "--repo", team.git, "--verify", team.file, *flags, "-o", "json", on=cluster
    )
    found = ended.json["plan"]["commit"]
    assert (ended.code, guest(cluster)) == (3, "2Gi")
    assert (found["inForce"], found["newest"], found["behind"]) == (good, bad, 1)
    assert [(each["commit"], each["reason"]) for each in found["refused"]] == [(bad, reason)]


def test_commit_signed_with_an_expired_or_revoked_key_is_not_applied(team, serve, command):
    cluster = serve("hotplug")
    team.commit("2Gi", team.alice)
    public = team.keys.public(team.alice)
    team.file.write_text(f'{HEAD}ssh:\n  allowedSigners: a@b valid-before="20200101Z" {public}\n')
    ended = command("apply", "--yes", "--repo", team.git, "--verify", team.file, on=cluster)
    assert (ended.code, "error[expired-signature]" in ended.err) == (3, True)
    team.trust(f"  revokedKeys: {public}\n")
    ended = command("apply", "--yes", "--repo", team.git, "--verify", team.file, on=cluster)
    assert (ended.code, "error[revoked-key]" in ended.err) == (3, True)
    assert "this commit is not applied" in ended.err
    assert cluster.writes() == []


@pytest.mark.parametrize("source", ["local", "remote"])
def test_unsigned_merge_commit_cannot_cause_an_older_signed_commit_to_be_applied(
    source, team, serve, command
):
    cluster = serve("hotplug")
    repo = team.git if source == "local" else f"file://{team.git.path}"
    arguments = ("--repo", repo, "--verify", team.file)
    first = team.commit("1Gi", team.alice)
    last = team.commit("2Gi", team.alice)
    assert command("reconcile", *arguments, on=cluster).code == 0
    team.commit("3Gi")
    # The applied commit is a first parent of the newest one, so it stays applied.
    assert (command("reconcile", *arguments, on=cluster).code, guest(cluster)) == (3, "2Gi")
    merge = team.git("commit-tree", "-m", "x", "-p", first, "-p", "HEAD", f"{first}^{{tree}}")
    team.git("reset", "--quiet", "--hard", merge)
    ended = command("reconcile", *arguments, on=cluster)
    assert (ended.code, guest(cluster)) == (3, "2Gi")
    assert "error[rewritten-history]" in ended.err
    assert f"commit {last[:12]}, which was applied before" in ended.err
    assert f"not in the history of commit {first[:12]}" in ended.err


def test_repository_without_any_signed_commit_writes_nothing(team, serve, command):
    cluster = serve("hotplug")
    for size in ("1536Mi", "2Gi", "3Gi"):
        team.commit(size)
    ended = command("reconcile", "--repo", team.git, "--verify", team.file, on=cluster)
    assert (ended.code, cluster.writes()) == (3, [])
    assert "none of the last 3 commits passes the checks" in ended.err
    assert "also rejected" in ended.err


def test_signed_commit_is_found_in_a_remote_repository_behind_newer_unsigned_commits(
    team, serve, command
):
    cluster = serve("hotplug")
    good = team.commit("2Gi", team.alice)
    team.commit("3Gi")
    team.commit("4Gi")
    url = f"file://{team.git.path}"
    plan = command("plan", "--repo", url, "--verify", team.file, "-o", "json", on=cluster).json
    assert (plan["revision"], plan["commit"]["behind"]) == (good, 2)


def test_signed_tag_is_required_if_the_verification_file_requires_signed_tags(
    team, serve, command
):
    cluster = serve("hotplug")
    commit = team.commit("2Gi")
    team.git(*team.keys.settings(team.alice), "tag", "--sign", "--message=x", "v1")
    team.git("tag", "--annotate", "--message=x", "unsigned")
    team.trust(require="tag")

    def plan(revision, source=team.git):
        return command(
            *("plan", "--repo", source, "--verify", team.file),
            *("--revision", revision, "-o", "json"),
            on=cluster,
        )

    for source in (team.git, f"file://{team.git.path}"):
        assert plan("v1", source).json["commit"]["signer"].startswith("alice@example.com")
        assert plan("v1", source).json["revision"] == commit
    for revision in ("unsigned", "main", commit):
        assert (plan(revision).code, "error[unsigned]" in plan(revision).err) == (3, True)
    team.trust(require="commit-and-tag")
    assert plan("v1").code == 3
    team.commit("2Gi", team.alice)
    team.git(*team.keys.settings(team.alice), "tag", "--sign", "--message=x", "v2")
    assert plan("v2").code == 0


def test_signed_tag_of_one_commit_does_not_verify_a_different_commit(team, serve, command):
    cluster = serve("hotplug")
    team.commit("2Gi")
    team.git(*team.keys.settings(team.alice), "tag", "--sign", "--message=x", "v1")
    evil = team.commit("3Gi")
    team.git("update-ref", "refs/v1", evil)  # git prefers it to refs/tags/v1
    team.trust(require="tag")
    arguments = ("--repo", team.git, "--verify", team.file, "--revision", "v1")
    ended = command("plan", *arguments, on=cluster)
    assert (ended.code, "v1 is ambiguous" in ended.err) == (1, True)
    team.git("update-ref", "-d", "refs/v1")
    assert command("plan", *arguments, on=cluster).code == 0


def test_verification_file_in_the_repository_is_rejected(team, command, tmp_path):
    team.commit("2Gi", team.alice)
    inside = team.git.path / "keys" / "verify.yaml"
    inside.parent.mkdir()
    shutil.copy(team.file, inside)
    link_out = team.git.path / "link.yaml"
    link_out.symlink_to(team.file)
    link_in = tmp_path / "link.yaml"
    link_in.symlink_to(inside)
    other_name = tmp_path / "other-name"
    other_name.symlink_to(team.git.path)
    url = f"file://{team.git.path}"
    for repo in (team.git, team.git.path / ".git", url, f"{url}/.git", url.replace("r", "%72")):
        for path in (inside, link_out, link_in, other_name / "link.yaml"):
            ended = command("validate", "--repo", repo, "--verify", path)
            assert (ended.code, "is in the repository" in ended.err) == (64, True), (repo, path)
    clone = tmp_path / "clone"
    team.git("clone", "--quiet", str(team.git.path), str(clone))
    shutil.copy(team.file, clone / "verify.yaml")
    ended = command("validate", "--repo", url, "--verify", clone / "verify.yaml")
    assert ended.code == 64
    assert f"verify.yaml is in another clone of the repository, {clone}" in ended.err
    signers = team.git.path / "signers"
    signers.write_text(f"mallory@example.com {team.keys.public(team.mallory)}\n")
    team.file.write_text(f"{HEAD}ssh:\n  allowedSignersFile: {signers}\n")
    ended = command("validate", "--repo", team.git, "--verify", team.file)
    assert (ended.code, "is in the repository" in ended.err) == (64, True)


def test_verify_option_is_rejected_if_the_source_is_not_a_git_commit(team, command):
    team.commit("2Gi", team.alice)
    for source in (
        ["--repo", team.git, "--working-tree"],
        ["-f", team.git.path / "vm.yaml"],
    ):
        ended = command("validate", *source, "--verify", team.file)
        assert (ended.code, "only commits have signatures" in ended.err) == (64, True)


@pytest.mark.parametrize("program", ["gpg", "ssh-keygen"])
def test_error_about_a_missing_signature_program_contains_its_name(
    program, team, command, tmp_path, monkeypatch
):
    team.commit("2Gi", team.alice)
    if program == "gpg":
        team.file.write_text(f"{HEAD}openpgp:\n  keys: x\n")
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "git").symlink_to(shutil.which("git"))
    monkeypatch.setenv("PATH", str(folder))
    ended = command("validate", "--repo", team.git, "--verify", team.file)
    assert (ended.code, f"{program} is not installed" in ended.err) == (1, True)


def test_environment_variable_sets_the_verification_file_and_the_config_command_shows_it(
    team, command, monkeypatch
):
    team.commit("2Gi")
    monkeypatch.setenv("RECONCILER_VERIFY", str(team.file))
    assert command("validate", "--repo", team.git).code == 3
    team.commit("2Gi", team.alice)
    shown = command("config", "--repo", team.git, "-o", "json").json
    (option,) = [each for each in shown["options"] if each["name"] == "verify"]
    assert option["value"] == str(team.file)
    assert option["origin"]["name"] == "RECONCILER_VERIFY"


def test_temporary_directory_with_trusted_keys_is_deleted_after_a_run(
    team, command, tmp_path, monkeypatch
):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    team.commit("2Gi", team.alice)
    assert command("validate", "--repo", team.git, "--verify", team.file).code == 0
    assert list(folder.iterdir()) == []


def test_signature_check_does_not_change_the_repository(team, command):
    before = team.commit("2Gi")
    command("validate", "--repo", team.git, "--verify", team.file)
    with Repository.open(team.git.path) as repository:
        assert repository.resolve("HEAD") == before
    assert team.git("status", "--porcelain") == ""
