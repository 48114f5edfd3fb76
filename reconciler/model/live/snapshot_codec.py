"""Converts live state to and from plain JSON values without loss.

Field names are in camelCase, and fields with their default value are omitted. Quantities and
durations keep the server's notation, and maps that are keyed by references become lists. A new
field of a dataclass needs no change in this module. A field whose metadata contains
``kept: False`` is omitted.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import msgspec

from reconciler.decoders import convert
from reconciler.model.diagnostic import Diagnostic
from reconciler.model.fields import FIELD_BY_PATH, FieldType, NameSet, Settings, read_setting
from reconciler.model.live.capacity import Capacity
from reconciler.model.live.live_migration import LiveMigration, LiveMigrationPolicy
from reconciler.model.live.live_owner import LiveOwner
from reconciler.model.live.live_state import (
    LiveInstancetype,
    LiveKubeVirt,
    LiveNode,
    LiveState,
    LiveVM,
    LiveVMI,
)
from reconciler.model.quantity import Duration, MemoryQuantity
from reconciler.model.quoting import cut, quoted, version
from reconciler.model.references import FieldPath, ObjectRef, dotted, vm_ref

API_VERSION = "reconciler/v1alpha1"
KIND = "Snapshot"
T = TypeVar("T")
_AT = re.compile(r" - at `\$([^`]*)`")
_MSGSPEC = (
    (re.compile(r"Object missing required field `(.*)`"), "the field {} is missing"),
    (re.compile(r"Object contains unknown field `(.*)`", re.DOTALL), "the field {} is unknown"),
    (
        re.compile(r"Expected `datetime` with a timezone component"),
        "expected a time in RFC 3339 format with a time zone",
    ),
    (re.compile(r"Expected `([^`]*)`, got `([^`]*)`"), "expected the type {}, not {}"),
    (re.compile(r"Expected `([^`]*)`"), "expected the type {}"),
    (
        re.compile(r"Invalid RFC3339 encoded datetime"),
        "expected a time in RFC 3339 format with a time zone",
    ),
    (re.compile(r"Invalid enum value (.*)", re.DOTALL), "the value {} is unknown"),
)


class CodecError(ValueError):
    """Raised if a snapshot document is invalid; the message explains where and why."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    """A snapshot document without its apiVersion and kind."""

    cluster: str
    observed_at: datetime
    kubevirt: LiveKubeVirt
    virtual_machines: tuple[LiveVM, ...] = ()
    instances: tuple[LiveVMI, ...] = ()
    migrations: tuple[LiveMigration, ...] = ()
    nodes: tuple[LiveNode, ...] = ()
    instancetypes: tuple[LiveInstancetype, ...] = ()
    instancetype_kinds: frozenset[str] = frozenset()
    migration_policies: tuple[LiveMigrationPolicy, ...] = ()
    namespace_labels: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    owners: tuple[LiveOwner, ...] = ()
    api_groups: frozenset[str] = frozenset()
    diagnostics: tuple[Diagnostic, ...] = ()
    room: Capacity | None = None


def snapshot(state: LiveState) -> dict[str, Any]:
    """Convert a live state to a snapshot document of plain JSON values."""
    document = _Document(
        cluster=state.cluster_id,
        observed_at=state.observed_at,
        kubevirt=state.kubevirt,
        virtual_machines=tuple(state.vms.values()),
        instances=tuple(state.vmis.values()),
        migrations=tuple(each for group in state.migrations.values() for each in group),
        nodes=state.nodes,
        instancetypes=tuple(state.instancetypes.values()),
        instancetype_kinds=state.instancetype_kinds,
        migration_policies=state.migration_policies,
        namespace_labels=state.namespace_labels,
        owners=state.owners,
        api_groups=state.api_groups,
        diagnostics=state.diagnostics,
        room=state.capacity,
    )
    encoded = {
        key: encode(found)
        for name, key, _ in _fields(_Document)
        if (found := getattr(document, name)) is not None
    }
    return {"apiVersion": API_VERSION, "kind": KIND, **encoded}


def from_snapshot(document: object) -> LiveState:
    """Convert a snapshot document to a live state.

    Raises:
        CodecError: The document is not a snapshot of this version, or has an unexpected value.
    """
    if not isinstance(document, dict):
        raise CodecError(f"the document is not a {KIND}: it is not a JSON object")
    if document.get("kind") != KIND:
        raise CodecError(
            f"the document is not a {KIND}: its kind is {quoted(document.get('kind'))}"
        )
    if document.get("apiVersion") != API_VERSION:
        found = version(document.get("apiVersion"))
        raise CodecError(f"apiVersion is {found}; this reconciler supports only {API_VERSION!r}")
    content = {key: value for key, value in document.items() if key not in ("apiVersion", "kind")}
    read = decode(_Document, content, "")
    migrations: dict[ObjectRef, tuple[LiveMigration, ...]] = {}
    for each in read.migrations:
        ref = vm_ref(each.ref.namespace, each.vmi_name)
        migrations[ref] = (*migrations.get(ref, ()), each)
    return LiveState(
        cluster_id=read.cluster,
        observed_at=read.observed_at,
        kubevirt=read.kubevirt,
        vms={each.ref: each for each in read.virtual_machines},
        vmis={each.ref: each for each in read.instances},
        migrations=migrations,
        nodes=read.nodes,
        instancetypes={each.ref: each for each in read.instancetypes},
        instancetype_kinds=read.instancetype_kinds,
        migration_policies=read.migration_policies,
        namespace_labels=read.namespace_labels,
        owners=read.owners,
        api_groups=read.api_groups,
        diagnostics=read.diagnostics,
        capacity=read.room,
    )


@functools.cache
def _fields(kind: Any) -> tuple[tuple[str, str, Any], ...]:  # noqa: ANN401 - a type
    """Return the name, the document key and the default value of each field in a dataclass."""
    if issubclass(kind, tuple):
        defaults = kind._field_defaults
        return tuple((name, name, defaults.get(name, MISSING)) for name in kind._fields)
    return tuple(
        (
            each.name,
            _camel(each.name),
            each.default if each.default_factory is MISSING else each.default_factory(),
        )
        for each in dataclasses.fields(kind)
        if each.metadata.get("kept", True)
    )


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)


def encode(value: object) -> object:  # noqa: PLR0911 - a table, one type a row
    """Convert a value to plain JSON values."""
    match value:
        case MemoryQuantity() | Duration():
            return value.raw
        case NameSet():
            return list(value.raw)
        case Enum():
            return value.value
        case datetime():
            return value.isoformat()
        case frozenset():
            return sorted(_key(each) for each in value)
        case Mapping():
            return {_key(key): encode(each) for key, each in value.items()}
        case tuple() | list() if not isinstance(value, ObjectRef):
            return [encode(each) for each in value]
        case _ if dataclasses.is_dataclass(value) or isinstance(value, ObjectRef):
            return {
                key: encode(found)
                for name, key, default in _fields(cast("Any", type(value)))
                if (found := getattr(value, name)) != default
            }
        case _:
            return value


def _key(key: object) -> str:
    """Convert a map's key to a string; a field path becomes a dotted string."""
    return dotted(key) if isinstance(key, tuple) else str(key)


def decode(kind: type[T], value: object, at: str) -> T:
    """Convert a value from a snapshot document to a value of the given type.

    *at* is the value's path in the document.

    Raises: CodecError: *value* has another type, lacks a field, or has an unknown field.
    """
    try:
        return cast("T", _converted(value, _wire_type(cast("Any", kind))))
    except ValueError as error:
        # Each level of `_converted` appends its own path after the paths of inner levels.
        path = at + "".join(reversed(_AT.findall(str(error))))
        where = f"{cut(path.removeprefix('.'))}: ".removeprefix(": ")
        raise CodecError(where + _plain(_AT.sub("", str(error)))) from error


def _plain(message: str) -> str:
    """Replace msgspec's terms in an error message with the terms of the snapshot format."""
    for pattern, words in _MSGSPEC:
        if match := pattern.match(message):
            return words.format(*map(cut, match.groups())) + message[match.end() :]
    return message


def _converted(value: object, kind: Any) -> Any:  # noqa: ANN401 - a type
    try:
        return convert(value, kind, dec_hook=_read)
    except msgspec.ValidationError as error:
        # msgspec adds the outer path only to a ValueError.
        raise ValueError(str(error)) from error


class _Reader(type):
    """The metaclass of types that msgspec cannot decode; ``reads`` decodes their values."""

    reads: Any

    def __instancecheck__(cls, value: object) -> bool:
        return True


def _read(reader: type, value: object) -> object:
    return cast("_Reader", reader).reads(value)


@functools.cache
def _wire_type(kind: Any) -> Any:  # noqa: ANN401, PLR0911 - types, one a row
    """Return the msgspec type for a class, or a ``_Reader`` if msgspec cannot decode the class."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind == Settings:
        return _reader(_settings)
    if kind is datetime:
        return Annotated[datetime, msgspec.Meta(tz=True)]
    if kind is MemoryQuantity:
        return _reader(functools.partial(read_setting, FieldType.QUANTITY))
    if kind is ObjectRef or dataclasses.is_dataclass(kind):
        return _reader(functools.partial(_object, kind, _struct(kind)))
    if origin is Mapping and arguments[0] == FieldPath:
        return _reader(functools.partial(_by_path, _wire_type(arguments[1])))
    if origin is frozenset and arguments[0] == FieldPath:
        return _reader(_paths)
    if origin in (types.UnionType, Union):
        return Union[tuple(_wire_type(each) for each in arguments)]  # noqa: UP007 - not a literal
    if origin is not None:
        return origin[tuple(each if each is ... else _wire_type(each) for each in arguments)]
    return Any if kind is object else getattr(kind, "__supertype__", kind)


def _reader(reads: Callable[[Any], object]) -> type:
    return _Reader("reader", (), {"reads": staticmethod(reads)})


def _struct(kind: Any) -> Any:  # noqa: ANN401 - types
    """Create a msgspec Struct with a dataclass's fields, named as in the snapshot document."""
    hints = get_type_hints(kind)
    fields = [
        (name, _wire_type(hints[name]), msgspec.field() if default is MISSING else default)
        for name, _, default in _fields(kind)
    ]
    return msgspec.defstruct(
        kind.__name__, fields, rename="camel", kw_only=True, forbid_unknown_fields=True
    )


def _object(kind: Any, struct: Any, value: object) -> object:  # noqa: ANN401 - types
    return kind(**msgspec.structs.asdict(_converted(value, struct)))


def _by_path(held: Any, value: object) -> dict[FieldPath, Any]:  # noqa: ANN401 - a type
    found = _converted(value, dict[str, held])
    return {_path(key): each for key, each in found.items()}


def _settings(value: object) -> Settings:
    found = _by_path(Any, value)
    if unknown := found.keys() - FIELD_BY_PATH.keys():
        raise ValueError(f"unknown field {cut(', '.join(sorted(map(dotted, unknown))))}")
    return {path: read_setting(FIELD_BY_PATH[path].type, each) for path, each in found.items()}


def _paths(value: object) -> frozenset[FieldPath]:
    return frozenset(_path(each) for each in _converted(value, list[str]))


def _path(text: str) -> FieldPath:
    return tuple(text.split(".")) if text else ()
