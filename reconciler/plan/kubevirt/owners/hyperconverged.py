"""``HyperConvergedOwner``: writes settings of the KubeVirt CR to the HyperConverged object.

HyperConverged's operator compares the whole spec of the KubeVirt CR and immediately overwrites
edits by other clients. Source: hyperconverged-cluster-operator controllers/handlers/kubevirt.go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from reconciler.model.desired.config import HyperConvergedPolicy
from reconciler.model.fields import FEATURE_GATES, FIELD_BY_PATH, NameSet, read_setting
from reconciler.model.live.conditions import is_true
from reconciler.model.live.live_owner import LiveOwner
from reconciler.model.plan.plan import PatchOp, Reason, WriteTarget, WrittenField
from reconciler.model.quantity import QuantityError
from reconciler.model.references import HYPERCONVERGED, dotted
from reconciler.plan.behaviour.effective_config import spelled
from reconciler.plan.behaviour.reverting_tools import warnings_of
from reconciler.plan.finding import blocked, wait
from reconciler.plan.kubevirt.owners import json_patch_annotation
from reconciler.plan.kubevirt.owners.closed import ClosedOwner, failure_of
from reconciler.plan.kubevirt.owners.hyperconverged_annotation import (
    ANNOTATION_PATH,
    annotation_patch,
    by_hand,
    invalid_annotation,
    taints,
)
from reconciler.plan.kubevirt.owners.hyperconverged_fields import AUTOPILOT, HOMES, Release
from reconciler.plan.patches import same_object, settings_patch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.model.live.live_state import LiveKubeVirt, LiveState
    from reconciler.model.plan.plan import Change
    from reconciler.model.references import FieldPath
    from reconciler.plan.finding import Finding
    from reconciler.plan.kubevirt.owners.settings_owner import SettingsOwner

MANAGER = "hyperconverged-cluster-operator"
"""The name of the HyperConverged operator as a field manager."""
MANAGED_BY = "hco-operator"
"""The label ``app.kubernetes.io/managed-by`` of a KubeVirt CR that HyperConverged writes."""
_SETTLED = ("ReconcileComplete", "Available")
_FIRST_OF_V1: Release = (1, 18)
_RELEASE = re.compile(r"v?(\d+)\.(\d+)")
_OPENSHIFT = 4
"""The major version of all releases of OpenShift Virtualization."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HyperConvergedOwner:
    """Implements ``SettingsOwner`` for a KubeVirt CR that HyperConverged writes."""

    held: LiveOwner
    """The HyperConverged object in the cluster."""
    release: Release
    policy: HyperConvergedPolicy = HyperConvergedPolicy.BLOCK

    @classmethod
    def of(cls, held: LiveOwner, kubevirt: LiveKubeVirt, policy: HyperConvergedPolicy) -> Self:
        """Create the ``HyperConvergedOwner`` for a KubeVirt CR from its HyperConverged object."""
        return cls(held=held, release=_release(held, kubevirt), policy=policy)

    @property
    def name(self) -> str:
        """The name of the operator in messages: its object's kind, namespace and name."""
        return str(self.held.ref)

    @property
    def target(self) -> WriteTarget:
        """The HyperConverged object that receives writes, in the API version that was read."""
        return WriteTarget(ref=self.held.ref, version=self.held.version)

    @property
    def unsettled(self) -> str:
        """Why the operator has not applied the HyperConverged object yet, or an empty string.

        Source: hyperconverged-cluster-operator api/v1 hyperconverged_types.go (an
        observedGeneration below the generation means that the status is out of date).
        """
        held = self.held
        if held.deleting:
            return f"{held.ref} is being deleted"
        if held.observed_generation is not None and held.observed_generation < held.generation:
            return (
                f"{held.ref} has generation {held.generation}, but its operator has observed only "
                f"generation {held.observed_generation}"
            )
        for name in _SETTLED:
            if not is_true(held.conditions, name):
                found = held.conditions.get(name)
                state = "is missing" if found is None else f"is {found.status}"
                why = ": ".join(filter(None, (found.reason, found.message))) if found else ""
                return f"the condition {name} of {held.ref} {state}" + (f" ({why})" if why else "")
        return ""

    def placed(self, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """Return the changes, each with the HyperConverged field or annotation to write."""
        return tuple(replace(each, written=self._written(each)) for each in changes)

    def _written(self, change: Change) -> WrittenField | None:
        home = self._home(change.field)
        if home is not None and not self._annotated(change.field):
            return WrittenField(target=self.target, path=home)
        if self.policy is HyperConvergedPolicy.ANNOTATION:
            return WrittenField(target=self.target, path=ANNOTATION_PATH)
        return None

    def _home(self, path: FieldPath) -> FieldPath | None:
        """Return the HyperConverged field for a KubeVirt setting, or None if no such field exists.

        The release has every field that the object already contains, because the API server drops
        fields that the CustomResourceDefinition does not have.
        """
        home = HOMES[self.held.version].get(path)
        if home is None:
            return None
        exists = home.since <= self.release or home.path in self.held.spellings
        return home.path if exists else None

    def _operations(self) -> list[dict[str, object]] | None:
        return json_patch_annotation.operations(self.held.json_patch)

    def _annotated(self, path: FieldPath) -> bool:
        """Return whether HyperConverged's annotation sets a field of the KubeVirt CR."""
        return json_patch_annotation.setting_of(self._operations() or [], path) is not None

    def unwritten(self, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """Return the changes that HyperConverged's fields and annotation do not contain yet."""
        return tuple(each for each in changes if not self._holds(each))

    def _holds(self, change: Change) -> bool:
        home = self._home(change.field)
        if self._appends(change):
            return True
        if home is None or self._annotated(change.field):
            setting = json_patch_annotation.setting_of(self._operations() or [], change.field)
            return setting is not None and _same(
                change, json_patch_annotation.value_in(setting, change.field)
            )
        return home in self.held.spellings and _same(change, self.held.spellings[home])

    def _appends(self, change: Change) -> bool:
        """Return whether HyperConverged's annotation already adds a change's feature gates."""
        if change.field != FEATURE_GATES or not isinstance(change.after, NameSet):
            return False
        before = change.before.names if isinstance(change.before, NameSet) else frozenset()
        gates = json_patch_annotation.added_gates(self._operations() or [])
        return change.after.names - before <= gates

    def obstacle(self, changes: tuple[Change, ...], kubevirt: LiveKubeVirt) -> Finding | None:
        """Return a planning result if the changes cannot be written to HyperConverged now."""
        return (
            self._without_home(changes, kubevirt)
            or self._overridden(changes, kubevirt)
            or self._autopilot(changes)
            or self._not_applied(changes)
        )

    def _without_home(self, changes: tuple[Change, ...], kubevirt: LiveKubeVirt) -> Finding | None:
        homeless = tuple(
            each
            for each in changes
            if self._home(each.field) is None
            and not self._annotated(each.field)
            and not self._appends(each)
        )
        if not homeless or self.policy is HyperConvergedPolicy.ANNOTATION:
            return invalid_annotation(self.held) if homeless else None
        names = ", ".join(dotted(each.field) for each in homeless)
        major, minor = self.release
        return blocked(
            Reason.NOT_SETTABLE_IN_HYPERCONVERGED,
            f"HyperConverged {major}.{minor} ({self.held.version}) has no field for {names}",
            f"remove the setting from Git, or {by_hand(self.held, homeless, kubevirt)}; "
            "`hyperConverged: annotation` in .reconciler.yaml lets the reconciler write this "
            "annotation. The annotation taints the installation; remove it before an upgrade",
        )

    def _overridden(self, changes: tuple[Change, ...], kubevirt: LiveKubeVirt) -> Finding | None:
        for change in changes:
            setting = json_patch_annotation.setting_of(self._operations() or [], change.field)
            if setting is None or self._holds(change):
                continue
            changeable = json_patch_annotation.changeable(setting, change.field)
            if changeable and self.policy is HyperConvergedPolicy.ANNOTATION:
                continue
            return blocked(
                Reason.SET_BY_ANNOTATION,
                f"an operation on {setting['path']} in the annotation "
                f"{json_patch_annotation.ANNOTATION} of {self.held.ref} sets "
                f"{dotted(change.field)} and overrides HyperConverged's own field",
                "remove that operation from the annotation"
                + (f", or {by_hand(self.held, (change,), kubevirt)}" if changeable else ""),
            )
        return None

    def _autopilot(self, changes: tuple[Change, ...]) -> Finding | None:
        homes = [
            home
            for each in changes
            if (home := self._home(each.field)) is not None
            and self.held.managers.get(home) == AUTOPILOT
            and not self._holds(each)
        ]
        if not homes:
            return None
        names = ", ".join(map(dotted, homes))
        pointers = ",".join("/" + "/".join(home) for home in homes)
        return blocked(
            Reason.OWNED_BY_AUTOPILOT,
            f"{AUTOPILOT} overwrites {names} of {self.held.ref} with its own value every few "
            "minutes",
            f"add {pointers} to the annotation platform.kubevirt.io/ignore-fields of "
            f"{self.held.ref}, or set the field in the annotation platform.kubevirt.io/patch of "
            "the same object",
        )

    def _not_applied(self, changes: tuple[Change, ...]) -> Finding | None:
        """Delay changes until HyperConverged's operator has written the KubeVirt CR."""
        hint = "if this lasts, check the pod and the log of hyperconverged-cluster-operator"
        if why := self.unsettled:
            return wait(
                Reason.OWNER_NOT_SETTLED,
                f"the HyperConverged operator has not applied its own object yet: {why}",
                hint,
            )
        if self.unwritten(changes):
            return None
        shown = ", ".join(f"{dotted(each.field)} is {each.before}" for each in changes)
        return wait(
            Reason.OWNER_NOT_SETTLED,
            f"{self.held.ref} already has the values that Git sets, but its operator has not "
            f"written them to the KubeVirt CR yet, where {shown}",
            hint,
        )

    def patch(self, changes: tuple[Change, ...], kubevirt: LiveKubeVirt) -> tuple[PatchOp, ...]:
        """Return the patch to the HyperConverged object: first its fields, then its annotation."""
        leaves, annotated = self._divided(changes)
        patch = settings_patch(self.held, leaves) if leaves else (same_object(self.held.uid),)
        if not annotated:
            return patch
        return (*patch, *annotation_patch(self.held, annotated, kubevirt))

    def _divided(self, changes: Sequence[Change]) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
        """Separate the changes to HyperConverged's fields from the changes to its annotation."""
        leaves: list[Change] = []
        annotated: list[Change] = []
        for change in self.placed(tuple(changes)):
            if change.written is None or change.written.path == ANNOTATION_PATH:
                annotated.append(change)
            else:
                leaves.append(replace(change, field=change.written.path))
        return tuple(leaves), tuple(annotated)

    def foreseen(self, changes: tuple[Change, ...], kubevirt: LiveKubeVirt) -> Self:
        """Return a copy of this object in which the HyperConverged object contains the changes."""
        leaves, annotated = self._divided(changes)
        spellings, containers = dict(self.held.spellings), set(self.held.containers)
        for change in leaves:
            spellings[change.field] = spelled(change.after)
            containers.update(change.field[:length] for length in range(1, len(change.field)))
        text = self.held.json_patch
        if annotated:
            text = json_patch_annotation.extended(text, annotated, kubevirt)
        held = replace(
            self.held,
            generation=self.held.generation + bool(leaves),
            spellings=spellings,
            containers=frozenset(containers),
            json_patch=text,
            annotated=self.held.annotated or bool(annotated),
        )
        return replace(self, held=held)

    def warnings(self, changes: tuple[Change, ...]) -> tuple[str, ...]:
        """Return warnings about tools that revert changes, and about the JSON Patch annotation."""
        written = (self._written(each) for each in changes)
        paths = dict.fromkeys(each.path for each in written if each is not None)
        return (
            *warnings_of({each: self._manager(each) for each in paths}, self.held.tracked_by),
            *taints(self.held, changes),
        )

    def writer(self, changes: tuple[Change, ...]) -> str:
        """Return the field manager that last wrote the field or annotation of the first change."""
        written = (self._written(each) for each in changes)
        managers = (self._manager(each.path) for each in written if each is not None)
        return next(filter(None, managers), "")

    def _manager(self, path: FieldPath) -> str:
        """Return the field manager that last wrote a field or annotation of HyperConverged."""
        if path == ANNOTATION_PATH:
            return self.held.json_patch_manager
        return self.held.managers.get(path, "")


def owns(kubevirt: LiveKubeVirt) -> bool:
    """Return whether HyperConverged writes a KubeVirt CR, according to the CR itself.

    Source: hyperconverged-cluster-operator controllers/operands/generic_operand.go:53,188 (the
    controller reference) and the label app.kubernetes.io/managed-by.
    """
    return (
        any(each.startswith(f"{HYPERCONVERGED}/") for each in kubevirt.owners)
        or kubevirt.labels.get("app.kubernetes.io/managed-by") == MANAGED_BY
        or MANAGER in kubevirt.managers.values()
    )


def owner(live: LiveState, policy: HyperConvergedPolicy) -> SettingsOwner:
    """Create the ``SettingsOwner`` from the HyperConverged object in the KubeVirt CR's namespace.

    If the object cannot be read, or the namespace contains several HyperConverged objects, every
    change is blocked.
    """
    kubevirt, place = live.kubevirt, (HYPERCONVERGED, live.kubevirt.ref.namespace)
    found = [each for each in live.owners if (each.ref.kind, each.ref.namespace) == place]
    if len(found) == 1:
        return HyperConvergedOwner.of(found[0], kubevirt, policy)
    if found:
        state = (
            f"is not unique: the namespace {kubevirt.ref.namespace} contains {len(found)} objects "
            "of this kind"
        )
        hint = "delete all HyperConverged objects except the one that the operator uses"
    else:
        state = "cannot be read"
        hint = failure_of(live) or (
            "grant permission to list and patch hyperconvergeds in the API group hco.kubevirt.io "
            "(examples/deploy/overlays/hyperconverged), or make the change in the HyperConverged "
            "resource"
        )
    return ClosedOwner(
        name=HYPERCONVERGED,
        reason=Reason.OWNED_BY_HYPERCONVERGED,
        why=f"HyperConverged manages {kubevirt.ref} and reverts direct changes, but the "
        f"HyperConverged object {state}",
        hint=lambda _changes: hint,
    )


def _release(held: LiveOwner, kubevirt: LiveKubeVirt) -> Release:
    """Return the HyperConverged operator's release; if unknown, derive it from KubeVirt's version.

    HyperConverged 1.N ships KubeVirt 1.(N-10), and is in OpenShift Virtualization 4.(N+4), whose
    operator reports the version 4.(N+4). These rules are inferred from the releases 1.10 to 1.19.
    """
    if found := _RELEASE.match(held.release):
        major, minor = int(found[1]), int(found[2])
        return (1, minor - 4) if major == _OPENSHIFT else (major, minor)
    if found := _RELEASE.match(kubevirt.version):
        return int(found[1]), int(found[2]) + 10
    return _FIRST_OF_V1 if held.version == "v1" else (1, 10)


def _same(change: Change, raw: object) -> bool:
    try:
        return read_setting(FIELD_BY_PATH[change.field].type, raw) == change.after
    except QuantityError:
        return False
