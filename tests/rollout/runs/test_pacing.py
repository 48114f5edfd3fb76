"""Tests when each VM changes: batches, canaries, anti-affinity groups, and limits per node."""

from __future__ import annotations

import json
from collections import defaultdict

from support.simulated import Rig, simulator, vm_yaml

from reconciler.model.desired.config import Canary
from reconciler.model.quantity import Duration
from reconciler.model.run.outcome import ExitCode, Result
from reconciler.model.selector import Selector

LEASES = "/apis/coordination.k8s.io/v1/namespaces/kubevirt/leases"


def rig(**vms: dict) -> Rig:
    """Return a simulated cluster with enough capacity and with the given VMs, each of 1Gi."""
    listed = [
        {"name": name, "namespace": "default", "guest": "1Gi", **more}
        for name, more in vms.items()
    ]
    return Rig(simulator("hotplug", vms=listed, nodes=6))


def labelled(name: str, size: str = "2Gi", **labels: str) -> str:
    return vm_yaml("default", name, size, labels=labels)


def select(text: str) -> Selector:
    return Selector.parse(text)


def order(run: Rig) -> list[str]:
    """Return the VMs in the order in which they were patched."""
    return [path.rsplit("/", 1)[1] for path in run.patches()]


def results(report) -> dict[str, tuple[Result, str]]:
    return {each.ref.name: (each.result, each.reason) for each in report.outcomes}


def overlaps(run: Rig) -> set[frozenset[str]]:
    """Return the pairs of VMs whose changes were in progress at the same time."""
    seen: set[frozenset[str]] = set()
    original = run.informer.wait

    def looking(timeout_s):
        live = original(timeout_s)
        flying = {
            ref.name for ref, vmi in live.vmis.items() if "HotMemoryChange" in vmi.conditions
        }
        seen.update(frozenset((a, b)) for a in flying for b in flying if a != b)
        return live

    run.informer.wait = looking
    return seen


def test_batch_of_vm_changes_starts_when_the_previous_batch_has_ended():
    run = rig(a={}, b={}, c={}, d={})
    text = labelled("a", tier="prod") + labelled("b") + labelled("c", tier="dev")
    text += labelled("d", tier="prod")
    together = overlaps(run)
    report = run.apply(text, batches=(select("tier=dev"), select("tier=prod")))
    assert report.exit is ExitCode.DONE
    assert order(run) == ["c", "a", "d", "b"]
    assert together == {frozenset("ad")}


def test_vm_selectors_match_live_labels_unless_git_sets_the_label():
    run = rig(a={"labels": {"tier": "dev"}}, b={"labels": {"tier": "dev"}})
    text = labelled("a", tier="prod") + labelled("b")
    run.apply(text, batches=(select("tier=dev"),))
    assert order(run) == ["b", "a"]


def test_batch_with_failures_within_the_failure_budget_does_not_stop_the_next_batch():
    run = rig(a={"faults": {"plugRefused": "always"}}, b={})
    text = labelled("a", tier="dev") + labelled("b")
    report = run.apply(text, batches=(select("tier=dev"),))
    assert report.exit is ExitCode.FAILED
    assert results(report) == {
        "a": (Result.FAILED, "plug-refused"),
        "b": (Result.DONE, "converged"),
    }


def test_vms_of_an_anti_affinity_group_are_never_changed_at_the_same_time():
    run = rig(a={}, b={}, c={})
    text = labelled("a", app="pg") + labelled("b", app="pg") + labelled("c", app="web")
    together = overlaps(run)
    report = run.apply(text, anti_affinity=("app",))
    assert report.exit is ExitCode.DONE
    assert frozenset("ab") not in together
    assert frozenset("ac") in together or frozenset("bc") in together


def test_vms_in_different_namespaces_are_never_in_the_same_anti_affinity_group():
    run = Rig(
        simulator(
            "hotplug",
            nodes=6,
            namespaces=["one", "two"],
            vms=[
                {"name": "a", "namespace": "one", "guest": "1Gi"},
                {"name": "b", "namespace": "two", "guest": "1Gi"},
            ],
        )
    )
    text = vm_yaml("one", "a", "2Gi", labels={"app": "pg"})
    text += vm_yaml("two", "b", "2Gi", labels={"app": "pg"})
    together = overlaps(run)
    run.apply(text, anti_affinity=("app",))
    assert together == {frozenset("ab")}


def test_anti_affinity_group_waits_for_an_unrelated_migration_of_a_member():
    run = rig(a={"labels": {"app": "pg"}, "faults": {"transfer": "60s"}}, b={})
    run.sim.request(
        "POST",
        "/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstancemigrations",
        headers={"content-type": "application/json"},
        body=json.dumps(
            {
                "apiVersion": "kubevirt.io/v1",
                "kind": "VirtualMachineInstanceMigration",
                "metadata": {"name": "drain", "namespace": "default"},
                "spec": {"vmiName": "a"},
            }
        ).encode(),
    )
    began = run.clock.monotonic()
    report = run.apply(labelled("b", app="pg"), anti_affinity=("app",))
    assert report.exit is ExitCode.DONE
    assert run.clock.monotonic() - began > 60


def test_concurrent_changes_per_node_stay_within_the_configured_limit():
    run = rig(**{name: {"node": "node01"} for name in "abc"})
    together = overlaps(run)
    text = "".join(labelled(name) for name in "abc")
    assert run.apply(text, max_per_node=1).exit is ExitCode.DONE
    assert together == set()


def canary(soak: str = "2m") -> Canary:
    return Canary(selector=select("canary=true"), soak=Duration.parse(soak))


CANARY_AND_REST = labelled("a", canary="true") + labelled("b") + labelled("c")


def test_changes_of_other_vms_start_after_the_canary_soak_time():
    run = rig(a={}, b={}, c={})
    report = run.apply(CANARY_AND_REST, canary=canary())
    assert report.exit is ExitCode.DONE
    patched = {
        each.path.rsplit("/", 1)[1]: each.at
        for each in run.sim.request_log
        if each.method == "PATCH" and "/virtualmachines/" in each.path
    }
    assert (patched["b"] - patched["a"]).total_seconds() >= 120
    assert (patched["c"] - patched["a"]).total_seconds() >= 120


def test_failed_canary_stops_the_rollout_of_other_vms():
    run = rig(a={"faults": {"plugRefused": "always"}}, b={}, c={})
    for _ in range(2):
        report = run.apply(CANARY_AND_REST, canary=canary())
        assert report.exit is ExitCode.FAILED
        assert results(report) == {
            "a": (Result.FAILED, "plug-refused"),
            "b": (Result.NOT_STARTED, "canary-failed"),
            "c": (Result.NOT_STARTED, "canary-failed"),
        }
    assert order(run) == ["a"]


def test_later_run_continues_the_canary_soak_time():
    run = rig(a={}, b={}, c={})
    first = run.apply(CANARY_AND_REST, canary=canary(), deadline_s=60)
    assert results(first)["b"] == (Result.HELD, "canary-soak")
    assert first.exit is ExitCode.BLOCKED
    run.clock.sleep(60)
    second = run.apply(CANARY_AND_REST, canary=canary(), deadline_s=100)
    assert second.exit is ExitCode.DONE
    began = run.clock.now() - second.started_at
    assert began.total_seconds() < 100


def test_canary_soak_time_continues_after_a_commit_that_keeps_the_canary_sizes():
    run = rig(a={}, b={}, c={})
    run.apply(CANARY_AND_REST, canary=canary(), deadline_s=60)
    run.clock.sleep(120)
    began = run.clock.monotonic()
    other = labelled("a", canary="true") + labelled("b", "3Gi") + labelled("c")
    assert run.apply(other, canary=canary(), deadline_s=110).exit is ExitCode.DONE
    assert run.clock.monotonic() - began < 60


def test_canary_soak_time_starts_again_after_a_new_canary_size():
    run = rig(a={}, b={}, c={})
    run.apply(CANARY_AND_REST, canary=canary(), deadline_s=60)
    run.clock.sleep(120)
    other = labelled("a", "3Gi", canary="true") + labelled("b") + labelled("c")
    report = run.apply(other, canary=canary(), deadline_s=60)
    assert results(report)["b"] == (Result.HELD, "canary-soak")


def test_canary_selector_that_matches_no_vm_delays_every_vm_change():
    run = rig(b={})
    report = run.apply(labelled("b"), canary=canary())
    assert (report.exit, results(report)) == (
        ExitCode.BLOCKED,
        {"b": (Result.HELD, "no-canary")},
    )
    assert order(run) == []


def test_changes_of_other_vms_wait_while_no_canary_change_can_start():
    run = rig(a={}, b={})
    text = labelled("a", "9Gi", canary="true") + labelled("b")
    report = run.apply(text, canary=canary())
    assert results(report) == {
        "a": (Result.HELD, "above-max-guest"),
        "b": (Result.HELD, "canaries-held"),
    }


def test_wait_reason_that_many_vms_share_is_reported_once():
    run = rig(a={}, **{f"vm-{n}": {} for n in range(6)})
    text = labelled("a", canary="true") + "".join(labelled(f"vm-{n}") for n in range(6))
    run.apply(text, canary=canary())
    told = [each.message for each in run.progress if "canar" in each.message]
    by_message = defaultdict(int)
    for message in told:
        by_message[message] += 1
    assert set(by_message.values()) == {1}
    assert len(told) <= 3
