"""``VMManager``: the part of a VM's managedFields that shows who wrote the memory size."""

from __future__ import annotations

from typing import Any

import msgspec


class OwnsGuest(msgspec.Struct, frozen=True, rename={"guest": "f:guest"}, gc=False):
    """The value of ``f:memory`` in a VM's managedFields; ``f:guest`` marks the guest size."""

    guest: dict[str, Any] | None = None


class OwnsMemory(msgspec.Struct, frozen=True, rename={"memory": "f:memory"}, gc=False):
    """The value of ``f:domain`` in a VM's managedFields."""

    memory: OwnsGuest | None = None


class OwnsDomain(msgspec.Struct, frozen=True, rename={"domain": "f:domain"}, gc=False):
    """The value of ``f:spec`` below ``f:template`` in a VM's managedFields."""

    domain: OwnsMemory | None = None


class OwnsTemplateSpec(msgspec.Struct, frozen=True, rename={"spec": "f:spec"}, gc=False):
    """The value of ``f:template`` in a VM's managedFields."""

    spec: OwnsDomain | None = None


class OwnsName(msgspec.Struct, frozen=True, rename={"name": "f:name"}, gc=False):
    """The value of ``f:instancetype`` in a VM's managedFields."""

    name: dict[str, Any] | None = None


class OwnsTemplate(
    msgspec.Struct,
    frozen=True,
    rename={"template": "f:template", "instancetype": "f:instancetype"},
    gc=False,
):
    """The value of the outer ``f:spec`` in a VM's managedFields."""

    template: OwnsTemplateSpec | None = None
    instancetype: OwnsName | None = None


class OwnsSpec(msgspec.Struct, frozen=True, rename={"spec": "f:spec"}, gc=False):
    """The ``fieldsV1`` of a managedFields entry, with only the path to a VM's memory size.

    Full decoding would be slow, since managedFields are the largest part of a list page.
    """

    spec: OwnsTemplate | None = None

    @property
    def guest(self) -> bool:
        """Whether the field manager owns the guest size or the name of the instancetype."""
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
