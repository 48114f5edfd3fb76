"""``VMManager``: the part of a VM's managedFields that shows who wrote the memory size."""

from __future__ import annotations

from typing import Any

import msgspec


class OwnsGuest(msgspec.Struct, frozen=True, rename={"guest": "f:guest"}, gc=False):
    """The key ``f:memory`` in FieldsV1, under which ``f:guest`` marks the guest size."""

    guest: dict[str, Any] | None = None


class OwnsMemory(msgspec.Struct, frozen=True, rename={"memory": "f:memory"}, gc=False):
    """The key ``f:domain`` in FieldsV1."""

    memory: OwnsGuest | None = None


class OwnsDomain(msgspec.Struct, frozen=True, rename={"domain": "f:domain"}, gc=False):
    """The key ``f:spec`` of a VM's template in FieldsV1."""

    domain: OwnsMemory | None = None


class OwnsTemplateSpec(msgspec.Struct, frozen=True, rename={"spec": "f:spec"}, gc=False):
    """The key ``f:template`` in FieldsV1."""

    spec: OwnsDomain | None = None


class OwnsName(msgspec.Struct, frozen=True, rename={"name": "f:name"}, gc=False):
    """The key ``f:instancetype`` in FieldsV1."""

    name: dict[str, Any] | None = None


class OwnsTemplate(
    msgspec.Struct,
    frozen=True,
    rename={"template": "f:template", "instancetype": "f:instancetype"},
    gc=False,
):
    """The key ``f:spec`` of a VM in FieldsV1."""

    template: OwnsTemplateSpec | None = None
    instancetype: OwnsName | None = None


class OwnsSpec(msgspec.Struct, frozen=True, rename={"spec": "f:spec"}, gc=False):
    """A VM's FieldsV1, of which only the path to the memory size is decoded.

    Full decoding would be slow, since managedFields are the largest part of a list page.
    """

    spec: OwnsTemplate | None = None

    @property
    def guest(self) -> bool:
        """Whether the fields include the guest size or the instancetype's name."""
        named = self.spec.instancetype if self.spec else None
        if named is not None and named.name is not None:
            return True
        template = self.spec.template if self.spec else None
        domain = template.spec.domain if template and template.spec else None
        return bool(domain and domain.memory and domain.memory.guest is not None)


class VMManager(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """An entry in a VM's managedFields."""

    manager: str | None = None
    time: str | None = None
    fields: OwnsSpec | None = msgspec.field(name="fieldsV1", default=None)
