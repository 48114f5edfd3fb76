"""``FleetFilter``: the filter in the URL of the status page that shows all VMs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from reconciler.escaping import uri_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.report.fleet_page.fleet_vm import FleetVM

MAX_VALUE = 200
"""The maximum length of a filter value in characters; longer values are truncated."""
NAMESPACE, NODE = "namespace", "node"


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetFilter:
    """Selects and groups the VMs on the status page; an empty value matches every VM."""

    namespace: str = ""
    node: str = ""
    effect: str = ""
    reason: str = ""
    q: str = ""
    """Words that the VM's name, node, effect, reason or message must contain; case is ignored."""
    group: str = NAMESPACE
    """The property by which the page groups VMs: ``namespace`` or ``node``."""

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> FleetFilter:
        """Parse the filter from a URL's query parameters, and ignore unknown parameters."""
        names = (NAMESPACE, NODE, "effect", "reason", "q")
        given = {name: query.get(name, "").strip()[:MAX_VALUE] for name in names}
        return cls(**given, group=NODE if query.get("group") == NODE else NAMESPACE)

    @property
    def active(self) -> bool:
        """Whether any filter value is set, so that the page might not show all VMs."""
        return any((self.namespace, self.node, self.effect, self.reason, self.q))

    @property
    def query(self) -> str:
        """The filter as a URL query string with a leading question mark, or an empty string."""
        default = asdict(FleetFilter())
        given = {name: value for name, value in asdict(self).items() if value != default[name]}
        pairs = "&".join(f"{name}={uri_path(value)}" for name, value in given.items())
        return f"?{pairs}" if pairs else ""

    def with_values(self, **values: str) -> FleetFilter:
        """Return a copy of the filter in which the given values are replaced."""
        return replace(self, **values)

    def matches(self, vm: FleetVM) -> bool:
        """Return whether a VM matches all values of the filter."""
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
