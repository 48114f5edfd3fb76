"""``Kind``: decodes list pages; an unreadable object does not affect the other objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from reconciler.cluster.api import list_items
from reconciler.cluster.api.json_errors import UNDECODABLE
from reconciler.cluster.decode.list_stream import raw_items
from reconciler.cluster.decode.structs import wire
from reconciler.decoders import JSONDecoder, json_decoder
from reconciler.errors import ClusterError
from reconciler.model.diagnostic import UNREADABLE_OBJECT, Diagnostic, Severity
from reconciler.model.references import (
    CLUSTER_INSTANCETYPE,
    INSTANCETYPE,
    INSTANCETYPE_GROUP,
    KUBEVIRT_GROUP,
    ObjectRef,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import msgspec

W = TypeVar("W", bound=wire.Wire)
V = TypeVar("V")


MAX_UNREADABLE = 10_000
"""The maximum number of unreadable objects in a list; with more, the list request fails."""


class UnreadableError(ValueError):
    """Raised if an object or a list cannot be decoded; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded(Generic[V]):
    """The decoded objects of a list page, and a diagnostic for each unreadable object."""

    values: tuple[V, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, slots=True)
class Kind(Generic[W, V]):
    """A ``Readable`` that decodes objects of one kind, in list pages or one by one."""

    name: str
    wire: type[W]
    live: Callable[[W], V]
    keyed: str = ""
    """The kind in references to the decoded objects, if it differs from ``name``.

    For example, VMIs are stored under the reference to their VM.
    """
    replacement: Callable[[ObjectRef, bytes], Iterable[V]] | None = None
    """Creates worst-case values for an unreadable object; None to ignore the object."""
    consequence: str = "is ignored"
    """The end of the message about an unreadable object, which says how the object is treated."""
    _item: JSONDecoder[W] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_item", json_decoder(self.wire))

    def page(self, body: bytes) -> Decoded[V]:
        """Decode every object on a page of a list.

        Raises:
            UnreadableError: *body* is not a list.
        """
        return self.each(items(body))

    def each(self, items: Iterable[bytes | msgspec.Raw]) -> Decoded[V]:
        """Decode the JSON of several objects; an unreadable object does not affect the others.

        The JSON of only one object is in memory at a time.
        """
        return joined(map(self.take, items))

    def one(self, body: bytes | msgspec.Raw) -> V:
        """Decode the JSON of one object.

        Raises:
            UnreadableError: The object cannot be read.
        """
        try:
            return self.live(self._item.decode(body))
        except UNDECODABLE as error:
            raise UnreadableError(str(error)) from error

    def take(self, body: bytes | msgspec.Raw) -> Decoded[V]:
        """Decode the JSON of one object.

        For an unreadable object, return a diagnostic and the values of ``replacement``.
        """
        try:
            return Decoded(values=(self.one(body),))
        except UnreadableError as error:
            found = self.finding(body, error)
            instead = self.replacement(self.ref(body), bytes(body)) if self.replacement else ()
            return Decoded(values=tuple(instead), diagnostics=(found,))

    def finding(self, body: bytes | msgspec.Raw, error: Exception) -> Diagnostic:
        """Return a diagnostic that says why an object is unreadable."""
        return Diagnostic(
            severity=Severity.WARNING,
            code=UNREADABLE_OBJECT,
            message=f"the cluster's {self.name} cannot be read, so {self.consequence}: {error}",
            ref=self.ref(body),
        )

    def ref(self, body: bytes | msgspec.Raw) -> ObjectRef:
        """Return the reference under which an object is stored; *body* is its JSON."""
        return identity(self.keyed or self.name, body)


_GROUPS = {
    "AAQ": "aaq.kubevirt.io",
    "ApplicationAwareClusterResourceQuota": "aaq.kubevirt.io",
    "ApplicationAwareResourceQuota": "aaq.kubevirt.io",
    "LimitRange": "",
    "MigrationPolicy": "migrations.kubevirt.io",
    "Namespace": "",
    "Node": "",
    "Pod": "",
    "ResourceQuota": "",
    INSTANCETYPE: INSTANCETYPE_GROUP,
    CLUSTER_INSTANCETYPE: INSTANCETYPE_GROUP,
}


def items(body: bytes) -> Sequence[bytes | msgspec.Raw]:
    """Return the JSON of each object on a list page.

    Raises:
        UnreadableError: *body* is not a list.
    """
    try:
        return raw_items(body)
    except UNDECODABLE as error:
        raise UnreadableError(str(error)) from error


def joined(parts: Iterable[Decoded[V]]) -> Decoded[V]:
    """Combine several ``Decoded`` values into one with all objects and diagnostics."""
    values: list[V] = []
    diagnostics: list[Diagnostic] = []
    for part in parts:
        values += part.values
        diagnostics += part.diagnostics
        limit_unreadable(diagnostics)
    return Decoded(values=tuple(values), diagnostics=tuple(diagnostics))


def limit_unreadable(findings: Sequence[Diagnostic]) -> None:
    """Check that a list has at most ``MAX_UNREADABLE`` unreadable objects.

    Raises:
        ClusterError: The list has more unreadable objects.
    """
    if len(findings) > MAX_UNREADABLE:
        raise ClusterError(
            f"more than {MAX_UNREADABLE:,} objects in a list cannot be read; the first error: "
            f"{findings[0].message}",
            hint="correct the objects in the cluster, or check that `server` in the "
            "kubeconfig is the URL of a Kubernetes API server",
        )


class Readable(Protocol[V]):
    """The interface of decoders for the objects of one kind, in list pages or one by one."""

    def page(self, body: bytes) -> Decoded[V]:
        """Decode every object on a page of a list.

        Raises:
            UnreadableError: *body* is not a list.
        """
        ...

    def take(self, body: bytes | msgspec.Raw) -> Decoded[V]:
        """Decode the JSON of one object; for an unreadable object, return a diagnostic."""
        ...

    def ref(self, body: bytes | msgspec.Raw) -> ObjectRef:
        """Return the reference under which an object is stored; *body* is its JSON."""
        ...


def identity(kind: str, body: bytes | msgspec.Raw) -> ObjectRef:
    """Return the reference to an object, with the name ``?`` if the name is unreadable."""
    metadata = (
        _nameplate(body)
        or _nameplate(_head(body))
        or _nameplate(list_items.shallow(bytes(body)))
        or wire.Identity()
    )
    group = _GROUPS.get(kind, KUBEVIRT_GROUP)
    return ObjectRef(
        group=group, kind=kind, namespace=metadata.namespace or "", name=metadata.name or "?"
    )


def _nameplate(body: bytes | msgspec.Raw) -> wire.Identity | None:
    try:
        return json_decoder(wire.Nameplate).decode(body).metadata
    except UNDECODABLE:
        return None


def _head(body: bytes | msgspec.Raw) -> bytes:
    """Cut the JSON of an object before its spec, which API servers write after the metadata."""
    return bytes(body).partition(b',"spec":')[0] + b"}"
