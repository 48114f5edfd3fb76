"""A real Prometheus scrapes a ``serve`` process, and evaluates the example alert rules."""

from __future__ import annotations

import re
import signal
from time import monotonic

from ruamel.yaml import YAML
from support.served import line_with, process
from support.servers.real_prometheus import RULES, prometheus
from support.serving.raw_http import HANGS_S
from support.simulated import vm_yaml
from support.tools.installed import tool

INVALID_CONFIG = "apiVersion: reconciler/v1alpha1\nkind: Config\nmode: other\n"


def test_prometheus_scrapes_serve_and_evaluates_the_example_alert_rules(serve, git, tmp_path):
    program = tool("prometheus")
    git.commit({"vm.yaml": vm_yaml("default", "vm", "2Gi")})
    git.commit({".reconciler.yaml": INVALID_CONFIG})
    options = ("--mode", "observe", "--listen", "127.0.0.1:0")
    kubeconfig = ("--kubeconfig", serve("hotplug").kubeconfig)
    with process("serve", "--repo", git, *options, *kubeconfig) as run:
        address = re.search(
            r"http://(\S+)", line_with(run.stderr, "the status page listens on http://")
        )[1]
        with prometheus(program, tmp_path, address) as real:
            planned = 'memory_reconciler_vms{effect="live",reason="hotplug"}'
            until = monotonic() + HANGS_S
            while real.values(planned) != [1]:
                assert monotonic() < until, real.ask("targets")
            (target,) = real.ask("targets")["activeTargets"]
            assert (target["health"], target["lastError"]) == ("up", "")
            assert real.values("memory_reconciler_drift_bytes > 0") == [1 << 30]
            assert real.values('memory_reconciler_api_requests_total{code="200"} > 0')
            assert real.values("memory_reconciler_enforcing") == [0]
            assert real.values("process_open_fds > 0")
            expressions = {
                rule["alert"]: rule["expr"]
                for group in YAML(typ="safe").load(RULES)["groups"]
                for rule in group["rules"]
            }
            true = {name for name, each in expressions.items() if real.values(each)}
            assert "MemoryReconcilerCommitRejected" in true
            assert not true & {"MemoryReconcilerAbsent", "MemoryReconcilerRequestsFail"}
            loaded = real.ask("rules")["groups"]
            names = {each["name"] for group in loaded for each in group["rules"]}
            assert names == expressions.keys()
        run.send_signal(signal.SIGTERM)
        run.communicate()
    assert run.returncode == 0
