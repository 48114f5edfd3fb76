"""Computes the digests that an approval lists: one per planned change and one for the plan."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Verb

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from reconciler.model.plan.plan import Action, Effect, PatchOp, WriteTarget
    from reconciler.model.references import ObjectRef, Uid

CONCURRENCY_GUARDS = ("/metadata/generation", "/metadata/resourceVersion")
"""The JSON pointers of fields that a patch tests only to detect concurrent writes."""


def action_digest(  # noqa: PLR0913 - all properties that an approval covers, given by name
    *,
    cluster: str,
    ref: ObjectRef,
    uid: Uid | None,
    effect: Effect,
    reason: str,
    patch: tuple[PatchOp, ...] = (),
    manifest: str | None = None,
    restart: bool = False,
    target: WriteTarget | None = None,
) -> str:
    """Return the ``sha256:…`` digest of all that the user approves in a planned change.

    The digest excludes times and messages. It also excludes the generation and resourceVersion
    that a patch tests, because KubeVirt's controllers change these numbers too.

    Args:
        cluster: The uid of the namespace kube-system.
        ref: The object.
        uid: None for an object that will be created.
        effect: The planned effect.
        reason: The planned reason.
        patch: The operations of a patch.
        manifest: The ``manifest_digest`` of a create. The manifest itself can contain secrets, and
            a reader of the plan must be able to compute the digest without the manifest.
        restart: Whether the action is a restart.
        target: The object that receives the write, if it is not *ref*.
    """
    write: object = [_approved(each) for each in patch]
    if manifest is not None:
        write = {"manifestDigest": manifest}
    elif restart:
        write = {"subresource": "restart"}
    identity: list[object] = [ref.group, ref.kind, ref.namespace, ref.name]
    if target is not None:
        identity.append([*target.ref, target.version])
    return _sha256([cluster, identity, uid, effect, reason, write])


def digested(action: Action, cluster: str) -> Action:
    """Return a copy of a planned change with its digest."""
    manifest = None if action.manifest is None else manifest_digest(action.manifest)
    digest = action_digest(
        cluster=cluster,
        ref=action.ref,
        uid=action.uid,
        effect=action.effect,
        reason=action.reason,
        patch=action.patch,
        manifest=manifest,
        restart=action.verb is Verb.RESTART,
        target=action.target,
    )
    return replace(action, digest=digest)


def manifest_digest(manifest: Mapping[str, Any]) -> str:
    """Return the ``sha256:…`` digest of a manifest, written as compact JSON with sorted keys."""
    return _sha256(manifest)


def plan_digest(actions: Iterable[Action]) -> str:
    """Return the ``sha256:…`` digest of a plan, computed from its changes' digests in order."""
    return digest_over(each.digest for each in actions)


def digest_over(digests: Iterable[str]) -> str:
    """Return the ``sha256:…`` digest of several digests, in the given order."""
    return _sha256(list(digests))


def _approved(op: PatchOp) -> dict[str, Any]:
    if op.op == "test" and op.path in CONCURRENCY_GUARDS:
        return {"op": op.op, "path": op.path}
    return op.plain()


def _sha256(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
