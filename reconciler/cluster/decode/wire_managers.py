"""The entries of a VM's managedFields that are read: ``VMManager``, who manages its memory."""

from __future__ import annotations

from typing import Any

import msgspec


class OwnsGuest(msgspec.Struct, frozen=True, rename={"guest": "f:guest"}, gc=False):
    """``f:memory``, the end of the path to the guest size in FieldsV1."""

    guest: dict[str, Any] | None = None


class OwnsMemory(msgspec.Struct, frozen=True, rename={"memory": "f:memory"}, gc=False):
    """``f:domain``."""

    memory: OwnsGuest | None = None


class OwnsDomain(msgspec.Struct, frozen=True, rename={"domain": "f:domain"}, gc=False):
    """``f:spec`` of the template."""

    domain: OwnsMemory | None = None


class OwnsTemplateSpec(msgspec.Struct, frozen=True, rename={"spec": "f:spec"}, gc=False):
    """``f:template``."""

    spec: OwnsDomain | None = None


class OwnsName(msgspec.Struct, frozen=True, rename={"name": "f:name"}, gc=False):
    """``f:instancetype``."""

    name: dict[str, Any] | None = None


class OwnsTemplate(
    msgspec.Struct,
    frozen=True,
    rename={"template": "f:template", "instancetype": "f:instancetype"},
    gc=False,
):
    """``f:spec`` of the VM."""

    template: OwnsTemplateSpec | None = None
    instancetype: OwnsName | None = None


class OwnsSpec(msgspec.Struct, frozen=True, rename={"spec": "f:spec"}, gc=False):
    """FieldsV1 of a VM, for its memory alone, since managedFields are most of a page."""

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
    """An entry of a VM's managedFields."""

    manager: str | None = None
    time: str | None = None
    fields: OwnsSpec | None = msgspec.field(name="fieldsV1", default=None)
