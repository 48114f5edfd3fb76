"""A ``serve`` process sends each notification once, and starts no change while an alert fires."""

from __future__ import annotations

import queue
import signal
from contextlib import contextmanager
from urllib.request import urlopen

import pytest
from support.served import line_with, process
from support.servers.fake_prometheus import FakePrometheus
from support.servers.fake_server import FakeServer
from support.simulated import vm_yaml

from reconciler.app.execution.leases import SERVE_LEASE
from reconciler.model.annotations import NOTIFIED

HANGS_S = 120
CONFIG = "apiVersion: reconciler/v1alpha1\nkind: Config\n"
HOLD = f"{CONFIG}rollout: {{holdWhile: [CephHealthError]}}\n"
NOTIFY = (
    "apiVersion: reconciler/v1alpha1\nkind: Notify\n"
    "receivers: [{name: audit, kind: webhook, urlFile: audit-url}]\n"
)


class Audit(FakeServer):
    """A notification receiver that passes each notification to the test."""

    def __init__(self) -> None:
        self.waiting: queue.Queue = queue.Queue()
        super().__init__(self._receive)

    def _receive(self, received):
        self.waiting.put(received.body)
        return 204, {}, None

    def next(self) -> tuple[str, str, str]:
        found = self.waiting.get(timeout=HANGS_S)
        return found["event"], found["status"], found["reason"]


@pytest.fixture
def audit(tmp_path):
    with Audit() as server:
        (tmp_path / "notify.yaml").write_text(NOTIFY)
        (tmp_path / "audit-url").write_text(server.url)
        yield server


@contextmanager
def serving(git, cluster, *options):
    """Run ``serve`` on the repository, and stop it with SIGTERM after the ``with`` block."""
    address = ("--listen", "127.0.0.1:0", "--interval", "1s", "--jitter", "1s")
    kubeconfig = ("--kubeconfig", cluster.kubeconfig)
    with process("serve", "--repo", git, *address, *kubeconfig, *options) as run:
        yield line_with(run.stderr, "the status page listens on ").split()[-1], run
        run.send_signal(signal.SIGTERM)
        run.communicate()
    assert run.returncode == 0


def test_restarted_serve_process_does_not_repeat_a_notification(serve, git, tmp_path, audit):
    git.commit({"vm.yaml": vm_yaml("default", "vm", "64Gi")})
    cluster, notify = serve("hotplug"), ("--notify", tmp_path / "notify.yaml")
    with serving(git, cluster, *notify):
        assert audit.next() == ("waits-for-person", "firing", "above-max-guest")
    assert "causes" in cluster.lease(SERVE_LEASE)["metadata"]["annotations"][NOTIFIED]
    with serving(git, cluster, *notify):
        git.commit({".reconciler.yaml": f"{CONFIG}mode: other\n"})
        assert audit.next() == ("invalid-commit", "firing", "invalid-config")
    assert audit.waiting.empty()


def test_serve_process_delays_a_change_until_an_alert_ends_and_shows_the_alert(
    serve, git, tmp_path, audit
):
    git.commit({"vm.yaml": vm_yaml("default", "vm", "2Gi"), ".reconciler.yaml": HOLD})
    cluster = serve("hotplug")
    with FakePrometheus() as prometheus:
        prometheus.fire("CephHealthError", severity="critical")
        options = ("--prometheus-url", prometheus.url, "--notify", tmp_path / "notify.yaml")
        with serving(git, cluster, *options) as (page, run):
            while b"an alert is firing" not in (shown := fetched(page)):
                assert run.poll() is None
            assert b"CephHealthError{severity=&quot;critical&quot;}" in shown
            assert cluster.ours("PATCH", "virtualmachines") == []
            prometheus.alerts.clear()
            assert [audit.next()[0] for _ in range(2)] == ["start", "end"]
            assert cluster.vmi("default", "vm")["status"]["memory"]["guestCurrent"] == "2Gi"
            while b"audit: sent" not in fetched(page):
                assert run.poll() is None


def fetched(url: str) -> bytes:
    with urlopen(url, timeout=HANGS_S) as answer:
        return answer.read()
