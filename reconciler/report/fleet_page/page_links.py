"""``PageLinks``: the addresses of the live pages, relative to the page that contains the link.

Relative addresses also work where a proxy serves the pages below a path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.escaping import html_text, uri_path
from reconciler.plan.reason_catalogue import CATALOGUE

if TYPE_CHECKING:
    from reconciler.model.references import ObjectRef
    from reconciler.report.fleet_page.fleet_filter import FleetFilter

_CODES = frozenset(map(str, CATALOGUE))


@dataclass(frozen=True, slots=True)
class PageLinks:
    """Builds links to the live pages."""

    root: str = ""
    """The address of the fleet's page, relative to the current page, such as ``../``."""
    docs_url: str = ""
    """The address of the explanations of reasons, without the code; empty for own pages."""

    def fleet(self, shown: FleetFilter) -> str:
        """Return the address of the fleet's page with a filter."""
        return f"{self.root}{shown.query}" or "./"

    def vm(self, ref: ObjectRef) -> str:
        """Return the address of a VM's page."""
        return f"{self.root}vm/{_segment(ref.namespace)}/{_segment(ref.name)}"

    def vm_link(self, ref: ObjectRef) -> str:
        """Return a link to a VM's page, with the VM's namespace and name as its text."""
        return f'<a href="{self.vm(ref)}">{html_text(ref.namespaced_name)}</a>'

    def run(self, run_id: str) -> str:
        """Return the address of a run's JSON report."""
        return f"{self.root}api/v1/runs/{_segment(run_id)}"

    def reason(self, code: str) -> str:
        """Return the address of a reason's explanation."""
        at = self.docs_url.rstrip("/") if self.docs_url else f"{self.root}reasons"
        return f"{at}/{_segment(code)}"

    def reason_link(self, code: str, words: str = "") -> str:
        """Return a link to a reason's explanation; only the text if there is no explanation."""
        text = html_text(words or code)
        if code not in _CODES:
            return text
        return f'<a href="{html_text(self.reason(code))}">{text}</a>'


def _segment(text: str) -> str:
    """Return a text as one segment of a path."""
    return uri_path(text).replace("/", "%2F")
