"""Decodes pages of lists: ``Kind``; an unreadable object is a finding and hides no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import msgspec

from reconciler.cluster.api.json_errors import UNDECODABLE
from reconciler.cluster.decode import wire
from reconciler.model.diagnostic import UNREADABLE_OBJECT, Diagnostic, Severity
from reconciler.model.references import (
    CLUSTER_INSTANCETYPE,
    INSTANCETYPE,
    INSTANCETYPE_GROUP,
    KUBEVIRT_GROUP,
    ObjectRef,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

W = TypeVar("W", bound=wire.Wire)
V = TypeVar("V")


class UnreadableError(ValueError):
    """An object has a value that its kind does not allow; the text says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded(Generic[V]):
    """The readable objects of a page, and a finding for each of the others."""

    values: tuple[V, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, slots=True)
class Kind(Generic[W, V]):
    """Decodes the objects of one kind."""

    name: str
    wire: type[W]
    live: Callable[[W], V]
    keyed: str = ""
    """The kind in the references of the values, if it is another one."""
    _item: msgspec.json.Decoder[W] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_item", msgspec.json.Decoder(self.wire))

    def page(self, body: bytes) -> Decoded[V]:
        """Decode every object of the page *body*."""
        try:
            items = _PAGE.decode(body).items or ()
        except UNDECODABLE as error:
            return Decoded(diagnostics=(self.finding(b"{}", error),))
        return self.each(items)

    def each(self, items: Iterable[bytes | msgspec.Raw]) -> Decoded[V]:
        """Decode the objects of *items* one by one.

        An unreadable one hides no other, and only one is in memory besides the decoded values.
        """
        return joined(map(self.take, items))

    def one(self, body: bytes | msgspec.Raw) -> V:
        """Decode the object *body*.

        Raises:
            UnreadableError: It cannot be read.
        """
        try:
            return self.live(self._item.decode(body))
        except UNDECODABLE as error:
            raise UnreadableError(str(error)) from error

    def take(self, body: bytes | msgspec.Raw) -> Decoded[V]:
        """Decode the object *body*, or return the finding that it cannot be read."""
        try:
            return Decoded(values=(self.one(body),))
        except UnreadableError as error:
            return Decoded(diagnostics=(self.finding(body, error),))

    def finding(self, body: bytes | msgspec.Raw, error: Exception) -> Diagnostic:
        """Return the finding for the object *body*, which *error* makes unreadable."""
        return Diagnostic(
            severity=Severity.WARNING,
            code=UNREADABLE_OBJECT,
            message=f"the cluster's {self.name} cannot be read and is left out: {error}",
            ref=self.ref(body),
        )

    def ref(self, body: bytes | msgspec.Raw) -> ObjectRef:
        """Return the reference by which the object *body* is looked up."""
        return identity(self.keyed or self.name, body)


_GROUPS = {
    "Node": "",
    "Pod": "",
    "ResourceQuota": "",
    INSTANCETYPE: INSTANCETYPE_GROUP,
    CLUSTER_INSTANCETYPE: INSTANCETYPE_GROUP,
}
_PAGE = msgspec.json.Decoder(wire.Page[msgspec.Raw])


def joined(parts: Iterable[Decoded[V]]) -> Decoded[V]:
    """Join *parts* into one."""
    values: list[V] = []
    diagnostics: list[Diagnostic] = []
    for part in parts:
        values += part.values
        diagnostics += part.diagnostics
    return Decoded(values=tuple(values), diagnostics=tuple(diagnostics))


class Readable(Protocol[V]):
    """Decodes pages and objects of a kind."""

    def page(self, body: bytes) -> Decoded[V]:
        """Decode every object of the page *body*."""
        ...

    def take(self, body: bytes | msgspec.Raw) -> Decoded[V]:
        """Decode the object *body*, or return the finding that it cannot be read."""
        ...

    def ref(self, body: bytes | msgspec.Raw) -> ObjectRef:
        """Return the reference by which the object *body* is looked up."""
        ...


def identity(kind: str, body: bytes | msgspec.Raw) -> ObjectRef:
    """Return the reference of the object *body*, with ``?`` for an unreadable name."""
    metadata = _nameplate(body) or _nameplate(_head(body)) or wire.Identity()
    group = _GROUPS.get(kind, KUBEVIRT_GROUP)
    return ObjectRef(
        group=group, kind=kind, namespace=metadata.namespace or "", name=metadata.name or "?"
    )


def _nameplate(body: bytes | msgspec.Raw) -> wire.Identity | None:
    try:
        return msgspec.json.decode(body, type=wire.Nameplate).metadata
    except UNDECODABLE:
        return None


def _head(body: bytes | msgspec.Raw) -> bytes:
    """Return the object *body* without its spec and status, which API servers write last."""
    return bytes(body).partition(b',"spec":')[0] + b"}"
