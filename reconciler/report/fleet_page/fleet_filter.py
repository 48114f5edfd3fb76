"""``FleetFilter``: the filter in the address of the fleet's page."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from reconciler.escaping import uri_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.report.fleet_page.fleet_vm import FleetVM

MAX_VALUE = 200
"""The maximum number of characters of one value; the rest of a longer value is ignored."""
NAMESPACE, NODE = "namespace", "node"


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetFilter:
    """Which VMs the page shows, and how the page groups them; empty values match every VM."""

    namespace: str = ""
    node: str = ""
    effect: str = ""
    reason: str = ""
    q: str = ""
    """Words that must occur in the VM's name, node, effect, reason or message, in any case."""
    group: str = NAMESPACE
    """What the page groups VMs by: ``namespace`` or ``node``."""

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> FleetFilter:
        """Return the filter of a query string; unknown parameters are ignored."""
        names = (NAMESPACE, NODE, "effect", "reason", "q")
        given = {name: query.get(name, "").strip()[:MAX_VALUE] for name in names}
        return cls(**given, group=NODE if query.get("group") == NODE else NAMESPACE)

    @property
    def active(self) -> bool:
        """Whether the filter may hide a VM."""
        return any((self.namespace, self.node, self.effect, self.reason, self.q))

    @property
    def query(self) -> str:
        """The filter as a query string with its question mark; empty for the default filter."""
        default = asdict(FleetFilter())
        given = {name: value for name, value in asdict(self).items() if value != default[name]}
        pairs = "&".join(f"{name}={uri_path(value)}" for name, value in given.items())
        return f"?{pairs}" if pairs else ""

    def with_values(self, **values: str) -> FleetFilter:
        """Return a copy of the filter with other values."""
        return replace(self, **values)

    def matches(self, vm: FleetVM) -> bool:
        """Return whether the filter shows a VM."""
        for wanted, found in (
            (self.namespace, vm.ref.namespace),
            (self.node, vm.node),
            (self.effect, vm.effect),
            (self.reason, vm.reason),
        ):
            if wanted and wanted != found:
                return False
        if not self.q:
            return True
        text = vm.searched
        return all(word in text for word in self.q.lower().split())
