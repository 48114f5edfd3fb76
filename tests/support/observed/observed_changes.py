"""Derives the correct planned effect of a VM change from observed facts, without the planner.

The facts are listed at the top of tests/conformance/planner.yaml. Sizes are compared by value.
"""

from __future__ import annotations

import json

from support.builders import q

OTHER_EDIT = "a non-live-updatable field was changed in the template spec"
GIVEN_UP = 3
"""The number of consecutive failed migrations after which a rollout counts a VM as failed."""


def effects_of_change(happened, *, wants, had=None):
    """Return all effects (live, restart, …) that a correct plan can predict for a size request.

    Args:
        happened: The facts that were observed since the request.
        wants: The requested size.
        had: The size in the spec before the request, or None if the spec had no size.
    """
    migrations, waits = happened.get("migrations", ()), happened.get("restartRequired")
    cut_short = happened.get("fault") or happened.get("then")
    there = arrived(happened, wants) and "outgrown" not in happened
    # The live change was in progress until the fault or until another client intervened.
    under_way = bool(migrations and cut_short)
    match happened:
        case {"denial": _} | {"killed": True}:
            return {"blocked"}
        case {"ran": False}:
            return {"cold"}
        case {"refused": _} if there:
            return {"wait"}
        case _ if (under_way or (there and waits is None)) and "unanswered" not in happened:
            return {"live"} if had is None or q(had) != q(wants) else {"none"}
        case _ if waits is not None or _silent(happened):
            return {"restart"}
        case {"hotMemoryChange": ["True", *_]} | {"refused": _} | {"outgrown": _}:
            # The guest does not fit into its pod, and is killed once it uses all of its memory. Or
            # the change started and never ended, or was rejected because of such a change.
            return {"blocked"}
    raise AssertionError(happened)


def _silent(happened):
    """Return whether KubeVirt ignored a change without reporting that it waits for a restart."""
    if "unanswered" in happened:
        # KubeVirt ignores the change until the next start.
        return True
    return happened.get("mute") and not happened.keys() & {"hotMemoryChange", "refused"}


def effects_as_it_stands(happened, *, wants):
    """Return all effects that a correct plan can show if the VM's spec already has *wants*."""
    migrations = happened.get("migrations", ())
    match happened:
        case {"ran": False}:
            return {"none"}
        case {"hotMemoryChange": ["False"]} | {"quotaRefused": True}:
            return {"blocked"}
        case {"restartRequired": said} if not (arrived(happened, wants) and said == OTHER_EDIT):
            return {"restart"}
        case _ if migrations.count("Failed") >= GIVEN_UP:
            return {"blocked"}
        case {"hotMemoryChange": ["True"]}:
            return {"wait"} if migrations else {"blocked"}
        case _ if arrived(happened, wants):
            return {"none"}
    raise AssertionError(happened)


def arrived(happened, wants):
    """Return whether the guest had the desired memory size at the end."""
    return "guestCurrent" in happened and q(happened["guestCurrent"]) == q(wants)


class VMObserver:
    """Collects facts about one VM from the store of a simulator, from now on."""

    def __init__(self, sim, namespace, name):
        self._key = (namespace, name)
        self._vmi = self._stored(sim, "virtualmachineinstances")
        self._vm = self._stored(sim, "virtualmachines")
        self._first = self._vmi
        self._hot = []
        self._phases = {}
        self._said = {}
        sim.store.subscribe(self._note)

    def _stored(self, sim, plural):
        found = sim.store.list(f"{plural}.kubevirt.io")
        return next((each for each in found if self._is_mine(each["metadata"])), None)

    def _is_mine(self, metadata):
        return (metadata["namespace"], metadata["name"]) == self._key

    def _note(self, event):
        found = json.loads(event.body)
        match event.key.resource.partition(".")[0]:
            case "virtualmachines" if self._is_mine(found["metadata"]):
                self._vm = found
                failure = condition(found, "Failure")
                if failure.get("reason") == "HotPlugMemoryError":
                    self._said["refused"] = failure["message"]
            case "virtualmachineinstances" if self._is_mine(found["metadata"]):
                self._look_at(found, gone=event.type == "DELETED")
            case "virtualmachineinstancemigrations":
                if (found["metadata"]["namespace"], found["spec"]["vmiName"]) == self._key:
                    phase = found.get("status", {}).get("phase")
                    self._phases[found["metadata"]["name"]] = phase

    def _look_at(self, vmi, *, gone):
        same = self._first is not None and vmi["metadata"]["uid"] == self._first["metadata"]["uid"]
        if self._first is not None and (
            gone or not same or vmi["status"].get("phase") in {"Failed", "Succeeded"}
        ):
            self._said["killed"] = True
        self._vmi = None if gone else vmi
        status = condition(vmi, "HotMemoryChange").get("status", "gone")
        if (self._hot or status != "gone") and self._hot[-1:] != [status]:
            self._hot.append(status)

    @property
    def migrations(self):
        """The phase of each migration of the VM since observation started."""
        return list(self._phases.values())

    def facts(self):
        """Return the facts observed so far, named as in planner.yaml."""
        waits = condition(self._vm, "RestartRequired")
        memory = self._vmi["status"].get("memory", {}) if self._vmi else {}
        found = {
            **self._said,
            "ran": self._first is not None,
            "restartRequired": waits.get("message") if waits.get("status") == "True" else None,
            "hotMemoryChange": self._hot,
            "migrations": self.migrations,
            "guestCurrent": memory.get("guestCurrent"),
            "outgrown": _outgrown(self._vmi) or None,
        }
        return {name: value for name, value in found.items() if value not in (None, [])}


def _outgrown(vmi):
    """Return whether the guest has more memory than its launcher container's limit."""
    if not vmi or not vmi["status"].get("memory"):
        return False
    limit = vmi["spec"]["domain"].get("resources", {}).get("limits", {}).get("memory")
    has = vmi["status"]["memory"]["guestCurrent"]
    return limit is not None and q(has).n_bytes > q(limit).n_bytes


def condition(found, name):
    """Return a condition of a Kubernetes object as a dictionary, which is empty if none exists."""
    conditions = found.get("status", {}).get("conditions") or ()
    return next((each for each in conditions if each["type"] == name), {})
