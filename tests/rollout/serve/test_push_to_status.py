"""Follows a `git push` through real processes to the guest's memory and the commit status."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from urllib.request import urlopen

import pytest
from support.forges.fake_forge import TOKEN, FakeGitHub
from support.served import Git, line_with, process
from support.servers.fake_server import FakeServer
from support.simulated import vm_yaml

from reconciler.app.execution.leases import SERVE_LEASE
from reconciler.model.annotations import COMMIT

SECRET = "a-secret-that-only-the-forge-knows"
HOOK = f"""\
#!{sys.executable}
# Posts a push as GitHub does: signed, with the commit and the branch.
import hashlib, hmac, json, os, sys, urllib.request
if not os.path.exists("hook-url"):
    sys.exit()  # the forge does not know the webhook yet
for line in sys.stdin:
    before, after, ref = line.split()
    body = json.dumps({{
        "ref": ref, "before": before, "after": after, "deleted": False,
        "repository": {{"full_name": "team/vms", "default_branch": "main"}},
    }}).encode()
    signature = hmac.new(b"{SECRET}", body, hashlib.sha256).hexdigest()
    headers = {{
        "Content-Type": "application/json", "X-GitHub-Event": "push",
        "X-GitHub-Delivery": after, "X-Hub-Signature-256": "sha256=" + signature,
    }}
    url = open("hook-url").read()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({{}}))
    with opener.open(urllib.request.Request(url, body, headers), timeout=60) as answer:
        print("webhook:", answer.status)
"""


@pytest.fixture
def bare(tmp_path):
    """A bare repository whose hook sends a webhook request for each push."""
    path = tmp_path / "team" / "vms.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", path], check=True)
    hook = path / "hooks" / "post-receive"
    hook.write_text(HOOK)
    hook.chmod(0o755)
    return path


def fetched(url: str):
    with urlopen(url, timeout=60) as answer:
        return answer.read().decode()


def test_git_push_changes_the_guest_memory_and_sets_the_commit_status(
    serve, bare, tmp_path, monkeypatch
):
    cluster = serve("hotplug")
    git = Git(tmp_path / "work")
    git("remote", "add", "origin", str(bare))
    git.commit({"vm.yaml": vm_yaml("default", "vm", "1Gi")})
    subprocess.run(["git", "push", "--quiet", bare, "main"], cwd=git.path, check=True)
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "github").write_text(SECRET)
    (secrets / "github").chmod(0o600)
    monkeypatch.setenv("RECONCILER_FORGE_TOKEN", TOKEN)
    (tmp_path / "notify.yaml").write_text(
        "apiVersion: reconciler/v1alpha1\nkind: Notify\n"
        "receivers: [{name: audit, kind: webhook, urlFile: audit-url}]\n"
    )
    monkeypatch.setenv("RECONCILER_KUBECONFIG", str(cluster.kubeconfig))
    ended = threading.Event()

    def notified(received):
        if received.body["event"] == "end":
            ended.set()
        return 200, {}, {}

    with (
        FakeGitHub() as forge,
        FakeServer(notified) as audit,
        process(
            *("serve", "--repo", f"file://{bare}", "--revision", "main", "--interval", "2h"),
            *("--listen", "127.0.0.1:0", "--hooks-listen", "127.0.0.1:0"),
            *("--hook-secrets", secrets, "--forge", "github", "--forge-url", forge.url),
            *("--project", "team/vms", "--cluster-name", "prod"),
            *("--external-url", "https://vms.example.com", "--notify", tmp_path / "notify.yaml"),
        ) as running,
    ):
        (tmp_path / "audit-url").write_text(audit.url)
        page = line_with(running.stderr, "the status page listens on ").split()[-1]
        hooks = line_with(running.stderr, "the webhooks listens on ").split()[-1]
        (bare / "hook-url").write_text(f"{hooks}/hooks/github")
        line_with(running.stderr, " to success: 1 of 1 object matches Git")
        commit = git.commit({"vm.yaml": vm_yaml("default", "vm", "2Gi")})
        git("push", "origin", "main")
        line_with(running.stderr, f"status of commit {commit[:12]} to success")

        assert cluster.vmi("default", "vm")["status"]["memory"]["guestCurrent"] == "2Gi"
        states = [each["state"] for at, each in forge.statuses if at == commit]
        assert states[-1] == "success"
        last = forge.statuses[-1][1]
        assert (last["context"], last["target_url"]) == (
            "reconciler (prod)",
            "https://vms.example.com",
        )
        run = json.loads(fetched(f"{page}/api/v1/runs"))["runs"][0]["runId"]
        report = json.loads(fetched(f"{page}/api/v1/runs/{run}"))
        assert [each["revision"] for each in report["outcomes"]] == [commit]
        assert commit in fetched(f"{page}/metrics")
        assert "default/vm" in fetched(page)
        assert json.loads(cluster.lease()["metadata"]["annotations"][COMMIT])["commit"] == commit
        assert ended.wait(60), "no notification has arrived"

        running.send_signal(signal.SIGTERM)
        assert running.wait(60) == 0
        assert not cluster.lease(SERVE_LEASE)["spec"].get("holderIdentity")
