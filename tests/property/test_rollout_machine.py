"""Checks that a rollout obeys its rules in random sequences of events, faults and crashes.

With RECONCILER_THOROUGH=1, the test runs more and longer sequences, which differ each time.
"""

from __future__ import annotations

import os

from faults.judging import CRON_S
from faults.stage import API, CR_PATH, DEFAULT, Killed, Stage, conditions, guest_of, vm_path
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from support.builders import PlanPolicy
from support.simulated import vm_yaml

from reconciler.model.desired.config import RestartConsent, Window, WindowKind
from reconciler.model.quantity import Duration, MemoryQuantity
from reconciler.model.run.outcome import Result
from reconciler.rollout.report_without_writes import observed
from reconciler.simulator.clock import SimClock
from reconciler.simulator.kubevirt.vm_faults import VMFaults
from reconciler.simulator.simulator import Simulator
from reconciler.simulator.worlds import worlds

THOROUGH = os.environ.get("RECONCILER_THOROUGH") == "1"
NAMES = ("a0", "a1", "b0", "b1", "c")
"""The VM names; VMs with the same first letter are in the same anti-affinity group."""
PARALLEL, OUTBOUND = 5, 2
"""KubeVirt's migration limits. Source: kubevirt v1.9.0 pkg/virt-config/virt-config.go:44-52."""
PASS_S = 300.0
SIZES = st.sampled_from(["1Gi", "1536Mi", "2Gi", "3Gi", "4Gi", "5Gi", "1025Mi", "512Mi"])
VMS = st.sampled_from(NAMES)
SOON = st.sampled_from([0.0, 1.0, 3.0, 8.0, 15.0])
"""Delays in seconds before other clients act, mostly while a run is active."""

ALLOW = Window(kind=WindowKind.ALLOW, cron="0 */2 * * *", duration=Duration.parse("1h"))
DENY = Window(kind=WindowKind.DENY, cron="15 * * * *", duration=Duration.parse("10m"))
EXPLAINED = {
    "above-max-guest",
    "below-boot-memory",
    "below-minimum",
    "denied-above-max-guest",
    "guest-silent",
    "misaligned",
    "other-edit-pending",
    "plug-failed-before",
    "plug-refused",
    "restart-pending",
}
"""The reasons why a VM can remain unchanged: it needs a restart or a different size in Git."""


def is_open(windows, now):
    """Return whether a maintenance window is open, computed without the product's code."""
    if DENY in windows and 15 <= now.minute < 25:
        return False
    return ALLOW not in windows or now.hour % 2 == 0


class World(Stage):
    """A simulated cluster that checks each write request of the product immediately."""

    def ready(self):
        self.consent = PlanPolicy()
        self.pacing = {}
        self.restarted = set()
        self.hooks.append(self._judge)

    def _judge(self, when, method, path):
        if when != "asked" or method == "GET" or "kubevirt.io/" not in path:
            return
        now = self.clock.now()
        if not is_open(self.consent.windows, now):
            self.problems.append(f"{method} {path} at {now}, outside of the windows")
        name = path.removesuffix("/restart").rpartition("/")[2]
        if path.endswith("/restart"):
            consents = self.consent.restart is RestartConsent.WINDOW
            if not consents or ALLOW not in self.consent.windows:
                self.problems.append(f"{name} was restarted without consent")
            mates = {each for each in NAMES if each != name and each[0] == name[0]}
            away = mates - {each["metadata"]["name"] for each in self.vmis() if _serves(each)}
            if self.pacing.get("anti_affinity") and away:
                self.problems.append(f"{name} was restarted while {sorted(away)} are away")
            self.restarted.add(name)
        elif "/virtualmachines/" in path:
            self._judge_hotplug(name, now)

    def _judge_hotplug(self, name, now):
        vmis = {each["metadata"]["name"]: each for each in self.vmis()}
        if name not in vmis or self.consent.restart is not RestartConsent.NEVER:
            return
        busy = {each for each, vmi in vmis.items() if self._in_flight(each, vmi)}
        node = vmis[name]["status"]["nodeName"]
        there = [each for each in busy if vmis[each]["status"]["nodeName"] == node]
        cluster = min(PARALLEL, self.pacing.get("max_concurrent") or PARALLEL)
        on_node = min(OUTBOUND, self.pacing.get("max_per_node") or OUTBOUND)
        if name in busy:
            self.problems.append(f"{name} is changed at {now} while it is in flight")
        if len(busy) >= cluster:
            self.problems.append(f"{name} is changed at {now} while {sorted(busy)} are in flight")
        if len(there) >= on_node:
            self.problems.append(f"{name} is changed at {now} while {there} migrate from {node}")
        grouped = [each for each in busy if each != name and each[0] == name[0]]
        if self.pacing.get("anti_affinity") and grouped:
            self.problems.append(f"{name} is changed at {now} together with {grouped}")

    def _in_flight(self, name, vmi):
        if conditions(vmi).get("HotMemoryChange") == "True":
            return True
        unfinished = [
            each
            for each in self.migrations(name)
            if each.get("status", {}).get("phase") not in ("Succeeded", "Failed")
        ]
        return bool(unfinished) or self._is_fresh(name, vmi)

    def _is_fresh(self, name, vmi):
        """Return whether KubeVirt has not yet reacted to a change to the VM's spec."""
        [vm] = [each for each in self.vms() if each["metadata"]["name"] == name]
        wants, has = guest_of(vm), vmi["spec"]["domain"]["memory"]["guest"]
        waits = conditions(vm).get("RestartRequired") == "True"
        known = self.patched.get(name)
        return (
            known == wants
            and MemoryQuantity.parse(has) != MemoryQuantity.parse(wants)
            and not waits
        )

    @property
    def patched(self):
        """The memory size that the product last wrote to each VM."""
        return {name: text for name, _, text in self.landed if name != "kubevirt"}


def _serves(vmi):
    """Return whether a VM instance is running and no migration is about to start."""
    return (
        vmi["status"].get("phase") == "Running"
        and conditions(vmi).get("HotMemoryChange") != "True"
    )


class Rollouts(RuleBasedStateMachine):
    """Generates events from Git, users, controllers, KubeVirt, a CronJob and killed processes."""

    @initialize(
        live=st.booleans(),
        nodes=st.sampled_from([3, 2]),
        sizes=st.lists(SIZES, min_size=len(NAMES), max_size=len(NAMES)),
    )
    def begin(self, live, nodes, sizes):
        methods = ["LiveMigrate"] if live else []
        spec = DEFAULT["spec"] | {"workloadUpdateStrategy": {"workloadUpdateMethods": methods}}
        document = {
            "apiVersion": "simulator/v1alpha1",
            "kind": "World",
            "kubevirt": {"version": "v1.9.0", "spec": spec},
            "vms": [{"name": n, "guest": "1Gi", "labels": {"group": n[0]}} for n in NAMES],
            "nodes": nodes,
            "bandwidth": "1Gi",
        }
        self.world = World(Simulator(worlds.parse(document), clock=SimClock(scale=None)))
        self.world.ready()
        self.world.clock.sleep(15.0)
        self.git = dict(zip(NAMES, sizes, strict=True))
        self.uids = self._uids()

    # Events in Git: sizes, concurrency limits, maintenance windows and permission to restart

    @rule(changes=st.dictionaries(VMS, SIZES, min_size=1))
    def push(self, changes):
        """Change sizes in Git, while changes of an earlier run may still be in progress."""
        self.git |= changes

    @rule(
        concurrent=st.sampled_from([None, 1, 2]),
        per_node=st.sampled_from([None, 1]),
        apart=st.booleans(),
    )
    def pace(self, concurrent, per_node, apart):
        self.world.pacing = {
            "max_concurrent": concurrent,
            "max_per_node": per_node,
            "anti_affinity": ("group",) if apart else (),
        }

    @rule(windows=st.sampled_from([(), (ALLOW,), (DENY,), (ALLOW, DENY)]))
    def open_windows(self, windows):
        self.world.consent = PlanPolicy(windows=windows, restart=self.world.consent.restart)

    @rule(restart=st.sampled_from([*RestartConsent, RestartConsent.NEVER]))
    def consent(self, restart):
        self.world.consent = PlanPolicy(windows=self.world.consent.windows, restart=restart)

    # Events from other users, controllers and KubeVirt

    @rule(vm=VMS, size=SIZES, wait_s=SOON)
    def resize(self, vm, size, wait_s):
        body = {"spec": {"template": {"spec": {"domain": {"memory": {"guest": size}}}}}}
        self.world.soon(lambda: self.world.ask("PATCH", vm_path(vm), body), wait_s)

    @rule(vm=VMS, seconds=st.sampled_from([30, 60]), wait_s=SOON)
    def edit(self, vm, seconds, wait_s):
        body = {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": seconds}}}}
        self.world.soon(lambda: self.world.ask("PATCH", vm_path(vm), body), wait_s)

    @rule(vm=VMS, wait_s=SOON)
    def migrate(self, vm, wait_s):
        body = {
            "apiVersion": "kubevirt.io/v1",
            "kind": "VirtualMachineInstanceMigration",
            "metadata": {"generateName": "by-hand-"},
            "spec": {"vmiName": vm},
        }
        path = f"{API}/namespaces/default/virtualmachineinstancemigrations"
        self.world.soon(lambda: self.world.ask("POST", path, body), wait_s)

    @rule(vm=VMS, times=st.sampled_from([1, 2, 4]), what=st.sampled_from(["fails", "refuses"]))
    def break_guest(self, vm, times, what):
        faults = {"fails": {"migration_fails": times}, "refuses": {"plug_refused": 1}}[what]
        self.world.sim.faults.inject("default", vm, VMFaults(**faults))

    @rule(wait_s=SOON)
    def upgrade(self, wait_s):
        body = {"spec": {"imageTag": "v1.9.1"}}
        self.world.soon(lambda: self.world.ask("PATCH", CR_PATH, body), wait_s)

    @rule(wait_s=SOON)
    def revert(self, wait_s):
        """Let another controller revert a setting of the KubeVirt CR once."""
        body = {"spec": {"workloadUpdateStrategy": {"workloadUpdateMethods": []}}}
        self.world.soon(lambda: self.world.ask("PATCH", CR_PATH, body), wait_s)

    @rule(vm=VMS)
    def restart(self, vm):
        path = f"/apis/subresources.kubevirt.io/v1/namespaces/default/virtualmachines/{vm}/restart"
        self.world.ask("PUT", path)
        self.world.clock.sleep(20.0)
        self.uids = self._uids()

    # Runs of the CronJob, complete or killed

    @rule()
    def reconcile(self):
        self._pass()

    @rule(request=st.integers(5, 60))
    def killed(self, request):
        """Kill the process at a given request, so that it cannot clean up."""
        asked = []

        def reap(when, method, path):
            asked.append(path)
            if len(asked) == request:
                self.world.api.dead = True
                raise Killed

        self.world.hooks.append(reap)
        self._pass()
        self.world.hooks.remove(reap)

    @rule(deadline_s=st.sampled_from([0.0, 5.0, 20.0]))
    def cut_short(self, deadline_s):
        self._pass(deadline_s=deadline_s)

    @rule()
    def observe(self):
        """Run in mode `observe`, which makes a plan but writes nothing."""
        before = len(self.world.sim.request_log)
        desired, world = self.world.desired(self._text()), self.world
        world.reborn()
        plan = world.plan(self._text())
        report = observed(plan, run_id="observer", at=world.clock.now())
        assert len(report.outcomes) <= len(desired.vms) + 1
        sent = world.sim.request_log[before:]
        assert {each.method for each in sent} <= {"GET"}

    @rule(seconds=st.sampled_from([5.0, 60.0, 900.0, 3600.0]))
    def wait(self, seconds):
        self.world.clock.sleep(seconds)

    @invariant()
    def no_rule_is_broken(self):
        if hasattr(self, "world"):
            assert self.world.problems == []

    @invariant()
    def nobody_is_restarted_without_consent(self):
        if not hasattr(self, "world"):
            return
        found = self._uids()
        changed = {name for name in NAMES if found[name] != self.uids[name]}
        assert changed <= self.world.restarted

    def teardown(self):
        """Check that every VM gets its size from Git once no more faults occur."""
        if not hasattr(self, "world"):
            return
        world = self.world
        world.clock.sleep(30.0)
        for vm in NAMES:
            world.sim.faults.inject("default", vm, VMFaults())
        world.consent = PlanPolicy()
        report = None
        for pause_s in CRON_S:
            world.clock.sleep(pause_s)
            report = self._pass().report
        assert world.problems == []
        assert report is not None
        found = world.end_state()
        for outcome in report.outcomes:
            name = outcome.ref.name
            if name == "kubevirt":
                assert outcome.result is Result.DONE
            elif outcome.result is not Result.DONE:
                assert outcome.reason in EXPLAINED, (name, outcome.reason, outcome.why.message)
        told = {each.ref.name for each in report.outcomes if each.result is not Result.DONE}
        for name, wanted in self.git.items():
            if name not in told:
                size = str(MemoryQuantity.parse(wanted))
                assert found[name][:2] == (size, size), name

    def _pass(self, deadline_s=PASS_S):
        return self.world.run_pass(
            self._text(), choices=self.world.consent, deadline_s=deadline_s, **self.world.pacing
        )

    def _text(self):
        vms = "".join(vm_yaml("default", name, self.git[name]) for name in NAMES)
        return vms + CR

    def _uids(self):
        return {each["metadata"]["name"]: each["metadata"]["uid"] for each in self.world.vmis()}


CR = """\
---
apiVersion: kubevirt.io/v1
kind: KubeVirt
metadata: {name: kubevirt, namespace: kubevirt}
spec:
  workloadUpdateStrategy: {workloadUpdateMethods: [LiveMigrate]}
"""

Rollouts.TestCase.settings = settings(
    max_examples=400 if THOROUGH else 15,
    stateful_step_count=40 if THOROUGH else 15,
    derandomize=not THOROUGH,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestRollouts = Rollouts.TestCase
