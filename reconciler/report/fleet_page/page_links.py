"""``PageLinks``: the URLs of the status pages, relative to the page that contains the link.

Relative URLs also work if a reverse proxy serves the pages below a path.
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
    """Builds links to the status pages of ``serve``."""

    root: str = ""
    """The URL of the page with all VMs, relative to the current page, such as ``../``."""
    docs_url: str = ""
    """The base URL of the documentation of reason codes; if empty, links lead to this server."""

    def fleet(self, shown: FleetFilter) -> str:
        """Return the URL of the page with all VMs that match a filter."""
        return f"{self.root}{shown.query}" or "./"

    def vm(self, ref: ObjectRef) -> str:
        """Return the URL of a VM's status page."""
        return f"{self.root}vm/{_segment(ref.namespace)}/{_segment(ref.name)}"

    def vm_link(self, ref: ObjectRef) -> str:
        """Build an HTML link to a VM's status page; its text is the VM's namespace and name."""
        return f'<a href="{self.vm(ref)}">{html_text(ref.namespaced_name)}</a>'

    def run(self, run_id: str) -> str:
        """Return the URL of a run's JSON report."""
        return f"{self.root}api/v1/runs/{_segment(run_id)}"

    def reason(self, code: str) -> str:
        """Return the URL of the explanation of a reason."""
        at = self.docs_url.rstrip("/") if self.docs_url else f"{self.root}reasons"
        return f"{at}/{_segment(code)}"

    def reason_link(self, code: str, words: str = "") -> str:
        """Build an HTML link to a reason's explanation, or only the text for an unknown code."""
        text = html_text(words or code)
        if code not in _CODES:
            return text
        return f'<a href="{html_text(self.reason(code))}">{text}</a>'


def _segment(text: str) -> str:
    """Encode a string as one segment of a URL path."""
    return uri_path(text).replace("/", "%2F")
