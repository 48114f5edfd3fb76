"""Pull requests on each Git host, from the first push until each guest has the new memory.

The workflows of examples/workflows run as the Git host (GitHub, GitLab or Forgejo) runs them,
with a bare repository, a local server for the Git host's API, and a simulated cluster. The
local server checks each request and each response against the Git host's published API
description or documented payloads.
"""

from __future__ import annotations

VM = "/apis/kubevirt.io/v1/namespaces/team-a/virtualmachines/"
MOVED = {"spec": {"template": {"spec": {"domain": {"memory": {"guest": "1536Mi"}}}}}}
SAYS = {
    "github": "was not applied: team-a/db-2 (exit code 8, stale)",
    "gitlab": "was not applied: team-a/db-2 (exit code 8, stale)",
    "forgejo": "The plan has changed since its approval",
}
FAILED = {"failure", "failed"}


def ended(ran):
    assert ran.passed, ran.log
    return ran


def test_each_push_to_a_pull_request_updates_the_same_comment(project, face, sizes):
    repository, forge = project.repository, project.forge
    ended(face.snapshot())
    first = repository.push(sizes("2Gi", "1Gi"))
    ended(face.plan())
    [comment] = forge.comments
    assert "1 VM changes live" in comment["body"]
    assert "<code>production</code>" in comment["body"]
    assert [(commit, each["state"]) for commit, each in forge.statuses] == [(first, "success")]
    second = repository.push(sizes("2Gi", "2Gi"))
    ended(face.plan())
    [edited] = forge.comments
    assert edited["id"] == comment["id"]
    assert "2 VMs change live" in edited["body"]
    assert forge.statuses[-1][0] == second
    assert project.cluster.writes() == []


def test_commit_status_of_a_merged_pull_request_is_success_once_each_guest_has_the_new_memory(
    project, face, sizes, guests
):
    forge = project.forge
    ended(face.snapshot())
    project.repository.push(sizes("2Gi", "2Gi"))
    ended(face.plan())
    commit = project.repository.merge()
    ended(face.approve())
    assert project.cluster.writes() == []
    seen = []
    forge.on_request = lambda received: seen.append((received.method, guests()))
    ended(face.apply())
    last, status = forge.statuses[-1]
    assert (last, status["state"]) == (commit, "success")
    assert seen[-1] == ("POST", ["2Gi", "2Gi"])


def test_vm_change_by_another_client_after_the_approval_ends_the_run_with_exit_code_8(
    project, face, kind, sizes, guests
):
    ended(face.snapshot())
    project.repository.push(sizes("2Gi", "2Gi"))
    commit = project.repository.merge()
    ended(face.approve())
    assert project.cluster.ask("PATCH", f"{VM}db-2", MOVED)[0] == 200
    ran = face.apply()
    assert not ran.passed
    assert "db-2" in ran.log
    last, status = project.forge.statuses[-1]
    assert last == commit
    assert status["state"] in FAILED
    assert SAYS[kind] in status["description"]
    # The digest of Forgejo's approval covers the whole plan; a plan file covers each action.
    assert guests()[0] == ("1Gi" if kind == "forgejo" else "2Gi")
