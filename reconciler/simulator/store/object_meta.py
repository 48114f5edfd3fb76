"""Sets metadata that the API server maintains, such as uid, resourceVersion and generation.

Source: kube-apiserver v1.36, k8s.io/apiserver pkg/registry/rest (create.go, update.go, delete.go)
and apiextensions-apiserver pkg/registry/customresource/strategy.go.
"""

from __future__ import annotations

import random
import uuid
from typing import TYPE_CHECKING, Final

from reconciler.simulator.store.store_errors import ConflictError

if TYPE_CHECKING:
    from reconciler.simulator.encoding.json_codec import Json
    from reconciler.simulator.store.api_resources import Resource
    from reconciler.simulator.store.history import Key

_SUFFIX_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"
_IDENTITY: Final = (
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)


class IdGenerator:
    """Generates UIDs and name suffixes; the same seed generates the same values."""

    def __init__(self, seed: int) -> None:
        self._uids = random.Random(f"uid/{seed}")  # noqa: S311  # repeatable, not secret
        self._names = random.Random(f"name/{seed}")  # noqa: S311  # repeatable, not secret

    def uid(self) -> str:
        """Returns a random (version 4) UUID."""
        return str(uuid.UUID(int=self._uids.getrandbits(128), version=4))

    def suffix(self) -> str:
        """Returns five random characters, which the API server appends to a generateName."""
        return "".join(self._names.choices(_SUFFIX_LETTERS, k=5))


def check_preconditions(key: Key, stored: Json, wanted: Json) -> None:
    """Checks that a stored object has the expected uid and resourceVersion.

    Raises:
        ConflictError: The uid or the resourceVersion differs.
    """
    for field, label in (("uid", "UID"), ("resourceVersion", "")):
        want, have = wanted.get(field), stored["metadata"][field]
        if want and want != have:
            named = f"{label} in precondition: {want}, {label} in object meta: {have}"
            raise ConflictError(key, f"Precondition failed: {named}" if label else "")


def merge(resource: Resource, stored: Json, new: Json, *, status: bool) -> Json:
    """Merges the object from a write request into the stored object.

    With `status`, only the status is written. Without it, the whole object is written, except for
    its status if the resource has a status subresource.
    """
    if status:
        merged = {**stored, "metadata": dict(stored["metadata"])}
        _carry(new, merged, "status")
        _carry(new.get("metadata", {}), merged["metadata"], "managedFields")
    else:
        merged = {**new, "apiVersion": stored["apiVersion"], "kind": stored["kind"]}
        merged["metadata"] = dict(new.get("metadata", {}))
        for field in ("name", "namespace"):
            _carry(stored["metadata"], merged["metadata"], field)
        if resource.status:
            _carry(stored, merged, "status")
    for field in _IDENTITY:
        _carry(stored["metadata"], merged["metadata"], field)
    return merged


def _carry(source: Json, target: Json, field: str) -> None:
    if field in source:
        target[field] = source[field]
    else:
        target.pop(field, None)


def count_generation(resource: Resource, stored: Json, new: Json) -> None:
    """Increments an object's metadata.generation if its spec changed.

    If the resource has no status subresource (VirtualMachineInstances), a change to the status
    also increments the generation.
    """
    if resource.generation and _counted(resource, stored) != _counted(resource, new):
        new["metadata"]["generation"] = stored["metadata"].get("generation", 0) + 1


def _counted(resource: Resource, obj: Json) -> Json:
    left_out = {"metadata", "status"} if resource.status else {"metadata"}
    return {name: value for name, value in obj.items() if name not in left_out}
