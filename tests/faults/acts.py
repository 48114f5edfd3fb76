"""Injects faults: in responses, connections, KubeVirt, objects, leases and the process.

Each function injects one fault into a stage, and returns a function that counts how often the
fault has taken effect.
"""

from __future__ import annotations

from functools import partial

from faults.stage import API, CR_PATH, LEASES, TARGET, VMS, vm_path

from reconciler.simulator.apiserver.request.api_faults import Effect
from reconciler.simulator.apiserver.request.api_faults import Fault as ApiFault
from reconciler.simulator.kubevirt.vm_faults import VMFaults

# The API server


def answering(stage, *, lasts_s=None, **what):
    """Make the server respond with a fault, for *lasts_s* simulated seconds or `times` times."""
    fault = ApiFault(user="product", **what)
    faults = stage.sim.api.faults
    faults.add(fault)
    if lasts_s is not None:
        stage.soon(lambda: faults.remove(fault), lasts_s)
    return lambda: faults.fired(fault)


PATCHES = frozenset({"PATCH"})


def status(code, **what):
    return partial(answering, effect=Effect.STATUS, code=code, **what)


def losing(stage, *, answers=0, requests=0):
    stage.wire.lose_answers += answers
    stage.wire.lose_requests += requests
    return lambda: stage.wire.fired


# KubeVirt and its guests


def striking(stage, kind, *, ends_s=None, **faults):
    """Inject faults of the simulated KubeVirt into VM b."""
    inject = partial(stage.sim.faults.inject, "default", TARGET)
    inject(VMFaults(**faults))
    ended = []

    def fired():
        return stage.sim.faults.fired["default", TARGET, kind]

    def end():
        ended.append(fired())
        inject(VMFaults())

    if ends_s is not None:
        stage.soon(end, ends_s)
    return lambda: sum(ended) + fired()


def silent(stage):
    stage.sim.faults.inject("default", TARGET, VMFaults(guest_silent=True))

    def deaf():
        [vmi] = [each for each in stage.vmis() if each["metadata"]["name"] == TARGET]
        memory = vmi["status"]["memory"]
        return int(memory["guestRequested"] != memory["guestCurrent"])

    return deaf


def upgrading(stage):
    version = stage.kubevirt()["status"]["observedKubeVirtVersion"]
    newer = {"v1.9.0": "v1.9.1", "v1.3.1": "v1.4.0"}[version]
    assert stage.ask("PATCH", CR_PATH, {"spec": {"imageTag": newer}}) == 200
    return lambda: stage.kubevirt()["status"]["observedKubeVirtVersion"] == newer


def _migrate(stage, name):
    body = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstanceMigration",
        "metadata": {"name": "by-hand"},
        "spec": {"vmiName": name},
    }
    path = f"{API}/namespaces/default/virtualmachineinstancemigrations"
    return stage.ask("POST", path, body) == 201


def foreign_migration(stage):
    """Create a manual migration of a VM that has no migration in progress."""
    made = [name for name in (VMS[-1], TARGET, "still") if _migrate(stage, name)][:1]
    for _ in made:
        return lambda: 1
    raise AssertionError("no VM could be migrated")


def vanishing(stage):
    """Delete the migration of VM b together with its finalizers."""
    gone = []
    for each in stage.migrations(TARGET):
        if each["status"]["phase"] not in ("Succeeded", "Failed"):
            [key] = [
                key
                for key in stage.sim.store.keys("virtualmachineinstancemigrations.kubevirt.io")
                if key.name == each["metadata"]["name"]
            ]
            stage.sim.store.mutate(key, lambda thing: thing["metadata"].pop("finalizers", None))
            gone.append(stage.sim.store.delete(key))
    return lambda: len(gone)


def full(stage, ends_s=120.0):
    """Cordon all nodes, so that no pod can be scheduled, for *ends_s* simulated seconds."""
    nodes = list(stage.sim.store.keys("nodes"))

    def cordon(on):
        for key in nodes:
            stage.sim.store.mutate(key, lambda node: node["spec"].update(unschedulable=on))

    cordon(on=True)
    stage.soon(lambda: cordon(on=False), ends_s)
    return lambda: 1


def quota(stage, ends_s=120.0):
    path = "/api/v1/namespaces/default/resourcequotas"
    body = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "tight"},
        "spec": {"hard": {"requests.memory": "1Gi"}},
    }
    assert stage.ask("POST", path, body) == 201
    stage.soon(lambda: stage.ask("DELETE", f"{path}/tight"), ends_s)
    return lambda: 1


# Writes by other clients


def _spec_before(stage):
    """Return the spec that the KubeVirt CR had before the product's first write."""
    return stage.first_spec


def _put_back(stage, agent):
    cr = stage.kubevirt()
    cr["spec"] = _spec_before(stage)
    return stage.ask("PUT", CR_PATH, cr, agent=agent) == 200


def taken_back(stage):
    done = _put_back(stage, "another-tool")
    stage.taken_back.append("kubevirt")
    return lambda: int(done)


def owned(stage):
    """Simulate the HyperConverged operator, which reverts the writes of other clients."""
    put = []

    def watch(event):
        if event.key.resource == "kubevirts.kubevirt.io":
            stage.soon(correct, 1.0)

    def correct():
        if stage.kubevirt()["spec"] != _spec_before(stage):
            put.append(_put_back(stage, "hyperconverged-cluster-operator"))

    stage.sim.store.subscribe(watch)
    stage.soon(correct, 1.0)
    return lambda: sum(put)


def resized(stage, guest):
    memory = {"spec": {"template": {"spec": {"domain": {"memory": {"guest": guest}}}}}}
    done = stage.ask("PATCH", vm_path(TARGET), memory) == 200
    stage.taken_back.append(TARGET)
    return lambda: int(done)


def labelled(stage):
    change = {"metadata": {"labels": {"team": "a"}, "annotations": {"note": "x"}}}
    done = stage.ask("PATCH", vm_path(TARGET), change) == 200
    return lambda: int(done)


def _delete(stage):
    """Delete VM b together with its instance."""
    return stage.ask("DELETE", vm_path(TARGET)) == 200


def recreated(stage):
    """Delete VM b, and create it again with its old size five seconds later."""
    done = [_delete(stage)]
    template = {"spec": {"domain": {"memory": {"guest": "1Gi"}, "devices": {}}}}
    body = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": TARGET},
        "spec": {"runStrategy": "Always", "template": template},
    }

    def create():
        path = vm_path(TARGET).rpartition("/")[0]
        done.append(stage.ask("POST", path, body) == 201)

    stage.soon(create, 5.0)
    return lambda: int(all(done) and len(done) == 2)


def deleted(stage):
    done = _delete(stage)
    return lambda: int(done)


# Leases and the process


def _leases(stage):
    found = stage.sim.store.list("leases.coordination.k8s.io")
    return [each for each in found if each["spec"].get("holderIdentity") == stage.holder]


def lease_taken(stage):
    """Acquire the Lease as another holder, renew it for 40 seconds, and release it."""
    taken = []
    stage.robbed_at = stage.clock.now()
    for lease in _leases(stage):
        path = f"{LEASES}/{lease['metadata']['name']}"

        def write(path=path, **spec):
            return stage.ask("PATCH", path, {"spec": spec}) == 200

        taken.append(write(holderIdentity="another-client"))
        for seconds in range(5, 40, 5):
            stage.soon(partial(write, leaseTransitions=seconds), seconds)
        stage.soon(partial(write, holderIdentity=""), 40.0)
    return lambda: len(taken)


def lease_deleted(stage):
    stage.robbed_at = stage.clock.now()
    done = [
        stage.ask("DELETE", f"{LEASES}/{lease['metadata']['name']}") for lease in _leases(stage)
    ]
    return lambda: len(done)


def asked_to_end(stage):
    stage.stop = True
    return lambda: 1
