"""What approval is bound to: a digest of each action, and one of the plan over those."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from reconciler.model.plan import Action, Effect, PatchOp, Reason
    from reconciler.model.refs import ObjectRef, Uid


def action_digest(
    *,
    cluster: str,
    ref: ObjectRef,
    uid: Uid | None,
    effect: Effect,
    reason: Reason,
    patch: tuple[PatchOp, ...] = (),
    manifest: Mapping[str, Any] | None = None,
) -> str:
    """``sha256:…`` over everything that an approval means; times and messages are left out."""
    write: object = manifest if manifest is not None else [each.plain() for each in patch]
    identity = [ref.group, ref.kind, ref.namespace, ref.name]
    return _sha256([cluster, identity, uid, effect, reason, write])


def plan_digest(actions: Iterable[Action]) -> str:
    """``sha256:…`` over the actions' digests, in order."""
    return _sha256([each.digest for each in actions])


def _sha256(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
