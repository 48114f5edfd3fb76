"""Live state ↔ plain JSON values, exactly; the document is ``kind: Snapshot``.

Fields are spelled in camelCase and left out where they have their default, quantities and
durations are written as the server spelled them, and maps that are keyed by references become
lists. A field that is added to a live value is carried without a change here, unless its metadata
say ``kept: False``.
"""

from __future__ import annotations

import dataclasses
import functools
import types
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_args, get_origin, get_type_hints

import msgspec

from reconciler.model.diagnostic import Diagnostic
from reconciler.model.fields import (
    FIELD_BY_PATH,
    FieldType,
    NameSet,
    Settings,
    SettingValue,
    read_setting,
)
from reconciler.model.live.capacity import Capacity
from reconciler.model.live.live_state import (
    LiveInstancetype,
    LiveKubeVirt,
    LiveMigration,
    LiveMigrationPolicy,
    LiveNode,
    LiveState,
    LiveVM,
    LiveVMI,
)
from reconciler.model.quantity import Duration, MemoryQuantity, QuantityError
from reconciler.model.references import FieldPath, ObjectRef, dotted, vm_ref

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

API_VERSION = "reconciler/v1alpha1"
KIND = "Snapshot"
T = TypeVar("T")


class CodecError(ValueError):
    """A document is not what it should be; the text says where and why."""


def snapshot(state: LiveState) -> dict[str, Any]:
    """*state* as a document of plain JSON values."""
    migrations = [each for group in state.migrations.values() for each in group]
    document = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "cluster": state.cluster_id,
        "observedAt": state.observed_at.isoformat(),
        "kubevirt": encode(state.kubevirt),
        "virtualMachines": [encode(each) for each in state.vms.values()],
        "instances": [encode(each) for each in state.vmis.values()],
        "migrations": [encode(each) for each in migrations],
        "nodes": [encode(each) for each in state.nodes],
        "instancetypes": [encode(each) for each in state.instancetypes.values()],
        "instancetypeKinds": encode(state.instancetype_kinds),
        "migrationPolicies": [encode(each) for each in state.migration_policies],
        "namespaceLabels": encode(state.namespace_labels),
        "diagnostics": [encode(each) for each in state.diagnostics],
    }
    return document if state.capacity is None else {**document, "room": encode(state.capacity)}


def from_snapshot(document: object) -> LiveState:
    """The state that *document* holds.

    Raises:
        CodecError: It is no snapshot, of another version, or holds what no snapshot holds.
    """
    if not isinstance(document, dict) or document.get("kind") != KIND:
        found = document.get("kind") if isinstance(document, dict) else type(document).__name__
        raise CodecError(f"it is no {KIND}: kind is {found!r}")
    if document.get("apiVersion") != API_VERSION:
        version = document.get("apiVersion")
        raise CodecError(f"apiVersion is {version!r}; this program reads {API_VERSION!r}")
    migrations: dict[ObjectRef, tuple[LiveMigration, ...]] = {}
    for each in decode(tuple[LiveMigration, ...], document.get("migrations", []), "migrations"):
        ref = vm_ref(each.ref.namespace, each.vmi_name)
        migrations[ref] = (*migrations.get(ref, ()), each)
    vms = decode(tuple[LiveVM, ...], document.get("virtualMachines", []), "virtualMachines")
    vmis = decode(tuple[LiveVMI, ...], document.get("instances", []), "instances")
    offered = decode(
        tuple[LiveInstancetype, ...], document.get("instancetypes", []), "instancetypes"
    )
    return LiveState(
        cluster_id=decode(str, document.get("cluster"), "cluster"),
        observed_at=decode(datetime, document.get("observedAt"), "observedAt"),
        kubevirt=decode(LiveKubeVirt, document.get("kubevirt"), "kubevirt"),
        vms={each.ref: each for each in vms},
        vmis={each.ref: each for each in vmis},
        migrations=migrations,
        nodes=decode(tuple[LiveNode, ...], document.get("nodes", []), "nodes"),
        instancetypes={each.ref: each for each in offered},
        instancetype_kinds=decode(
            frozenset[str], document.get("instancetypeKinds", []), "instancetypeKinds"
        ),
        migration_policies=decode(
            tuple[LiveMigrationPolicy, ...],
            document.get("migrationPolicies", []),
            "migrationPolicies",
        ),
        namespace_labels=cast(
            "Mapping[str, Mapping[str, str]]",
            _decode(
                Mapping[str, Mapping[str, str]],
                document.get("namespaceLabels", {}),
                "namespaceLabels",
            ),
        ),
        diagnostics=decode(tuple[Diagnostic, ...], document.get("diagnostics", []), "diagnostics"),
        capacity=decode(Capacity, document["room"], "room") if "room" in document else None,
    )


def encode(value: object) -> object:  # noqa: PLR0911 - a table, one type a row
    """*value* as plain JSON values."""
    match value:
        case ObjectRef():
            return {
                name: each
                for name, each in value._asdict().items()
                if each != ObjectRef._field_defaults.get(name)
            }
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
        case tuple() | list():
            return [encode(each) for each in value]
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return _fields_of(value)
        case _:
            return value


def _key(key: object) -> str:
    """A map's key: a field's path in dots, anything else as it is."""
    return dotted(key) if isinstance(key, tuple) else str(key)


def _fields_of(value: DataclassInstance) -> dict[str, object]:
    return {
        _camel(each.name): encode(found)
        for each in dataclasses.fields(value)
        if each.metadata.get("kept", True)
        and not _is_default(each, found := getattr(value, each.name))
    }


def _is_default(spec: dataclasses.Field[Any], value: object) -> bool:
    if spec.default_factory is not dataclasses.MISSING:
        return bool(value == spec.default_factory())
    return spec.default is not dataclasses.MISSING and bool(value == spec.default)


@functools.cache
def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)


def decode(kind: type[T], value: object, at: str) -> T:
    """*value*, which stands at *at* in a document, as a value of the type *kind*.

    Raises:
        CodecError: It is of another type, or lacks a field.
    """
    return cast("T", _decode(kind, value, at))


def _decode(kind: object, value: object, at: str) -> object:
    if kind == Settings:
        return _settings(value, at)
    if get_origin(kind) is not None:
        return _decode_generic(kind, value, at)
    if kind is object:
        return value
    if kind is MemoryQuantity:
        return _setting(FieldType.QUANTITY, value, at)
    if kind is ObjectRef or (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
        return _object_of(kind, value, at)
    try:
        return msgspec.convert(value, type=getattr(kind, "__supertype__", kind))
    except msgspec.ValidationError as error:
        raise CodecError(f"{at}: {error}") from error


def _decode_generic(kind: object, value: object, at: str) -> object:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is tuple:
        return tuple(
            _decode(arguments[0], each, f"{at}[{i}]") for i, each in enumerate(_items(value, at))
        )
    if origin is frozenset:
        names = decode(tuple[str, ...], value, at)
        return frozenset(_path(name) if arguments[0] == FieldPath else name for name in names)
    if origin is Mapping:
        keyed, held = arguments
        return {
            (_path(key) if keyed == FieldPath else key): _decode(held, each, f"{at}.{key}")
            for key, each in _object(value, at).items()
        }
    # What is left is a type or None.
    (given,) = (each for each in arguments if each is not types.NoneType)
    return None if value is None else _decode(given, value, at)


def _object_of(kind: Any, value: object, at: str) -> object:  # noqa: ANN401 - a type
    found = _object(value, at)
    hints = _hints(kind)
    known = {_camel(name): name for name in hints}
    if unknown := found.keys() - known.keys():
        raise CodecError(f"{at}: unknown field {', '.join(sorted(unknown))}")
    missing = [_camel(name) for name in _required(kind) if _camel(name) not in found]
    if missing:
        raise CodecError(f"{at}: {', '.join(missing)} is missing")
    return kind(
        **{
            known[key]: _decode(hints[known[key]], each, f"{at}.{key}")
            for key, each in found.items()
        }
    )


@functools.cache
def _hints(kind: Any) -> dict[str, object]:  # noqa: ANN401 - a type
    return get_type_hints(kind)


@functools.cache
def _required(kind: Any) -> tuple[str, ...]:  # noqa: ANN401 - a type
    if kind is ObjectRef:
        return tuple(name for name in ObjectRef._fields if name not in ObjectRef._field_defaults)
    return tuple(
        each.name
        for each in dataclasses.fields(kind)
        if each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING
    )


def _settings(value: object, at: str) -> Settings:
    settings = {}
    for key, each in _object(value, at).items():
        path = _path(key)
        if path not in FIELD_BY_PATH:
            raise CodecError(f"{at}: {key} is no managed field")
        settings[path] = _setting(FIELD_BY_PATH[path].type, each, f"{at}.{key}")
    return settings


def _setting(kind: FieldType, value: object, at: str) -> SettingValue:
    try:
        return read_setting(kind, value)
    except QuantityError as error:
        raise CodecError(f"{at}: {error}") from error


def _path(text: str) -> FieldPath:
    return tuple(text.split(".")) if text else ()


def _items(value: object, at: str) -> list[Any]:
    if not isinstance(value, list):
        raise CodecError(f"{at}: expected a list, found {type(value).__name__}")
    return value


def _object(value: object, at: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise CodecError(f"{at}: expected an object, found {type(value).__name__}")
    return value
