"""What approval is bound to: a digest of each action, and one of the plan over those."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from reconciler.model.plan.plan import Action, Effect, PatchOp
    from reconciler.model.references import ObjectRef, Uid

GENERATION = "/metadata/generation"
"""Where a patch looks whether anything at all was written meanwhile."""


def action_digest(
    *,
    cluster: str,
    ref: ObjectRef,
    uid: Uid | None,
    effect: Effect,
    reason: str,
    patch: tuple[PatchOp, ...] = (),
    manifest: str | None = None,
    restart: bool = False,
) -> str:
    """``sha256:…`` over everything that an approval means.

    Times and messages are left out, and so is the number that a patch tests the generation
    for: KubeVirt's controllers raise it as well, and nobody approves it.

    Args:
        cluster: The uid of the namespace kube-system.
        ref: The object.
        uid: None for one that is to be created.
        effect: As planned.
        reason: As planned.
        patch: What is sent, where it is a patch.
        manifest: The ``manifest_digest`` of what is sent, where it is a create. The manifest
            may hold secrets, and so is not shown to whoever makes the digest again.
        restart: Whether what is sent is a restart.
    """
    write: object = [_approved(each) for each in patch]
    if manifest is not None:
        write = {"manifestDigest": manifest}
    elif restart:
        write = {"subresource": "restart"}
    identity = [ref.group, ref.kind, ref.namespace, ref.name]
    return _sha256([cluster, identity, uid, effect, reason, write])


def manifest_digest(manifest: Mapping[str, Any]) -> str:
    """``sha256:…`` over *manifest* as JSON with sorted keys and no blanks."""
    return _sha256(manifest)


def plan_digest(actions: Iterable[Action]) -> str:
    """``sha256:…`` over the actions' digests, in order."""
    return digest_over(each.digest for each in actions)


def digest_over(digests: Iterable[str]) -> str:
    """The same from the digests themselves."""
    return _sha256(list(digests))


def _approved(op: PatchOp) -> dict[str, Any]:
    if op.op == "test" and op.path == GENERATION:
        return {"op": op.op, "path": op.path}
    return op.plain()


def _sha256(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
