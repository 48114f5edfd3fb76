"""Converts the comparison of a plan with the base commit's plan to JSON values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.report.json_values import diagnostic_document, identity, location, plain

if TYPE_CHECKING:
    from reconciler.model.diagnostic import Diagnostic
    from reconciler.model.plan.comparison import Base, ComparedObject, Comparison
    from reconciler.model.plan.plan import Decision


def baseline_document(compared: ComparedObject) -> dict[str, Any]:
    """Convert the base commit's plan for an object to JSON values, or null for a new object."""
    before = compared.before
    return {
        "state": str(compared.state),
        "edited": compared.edited,
        "effect": str(before.effect) if before else None,
        "reason": str(before.reason) if before else None,
        "target": plain(before.target) if before else None,
    }


def found_document(diagnostic: Diagnostic, comparison: Comparison | None) -> dict[str, Any]:
    """Convert a manifest problem to JSON values, and add how it differs from the base commit."""
    document = diagnostic_document(diagnostic)
    if comparison is not None:
        document["baseline"] = str(comparison.diagnostic_state(diagnostic))
    return document


def comparison_document(comparison: Comparison) -> dict[str, Any]:
    """Convert a comparison to JSON values, without the data that the plan document contains."""
    return {
        "base": base_document(comparison.base),
        "summary": comparison.summary(),
        "configEdited": comparison.config_edited,
        "removed": map(_removed, comparison.removed),
        "absentDiagnostics": map(diagnostic_document, comparison.absent_diagnostics),
    }


def base_document(base: Base) -> dict[str, Any]:
    """Convert the description of the base commit to JSON values."""
    return {
        "requested": base.requested,
        "revision": base.revision,
        "unplanned": base.unplanned or None,
    }


def _removed(decision: Decision) -> dict[str, Any]:
    return {
        **identity(decision.ref),
        "effect": str(decision.effect),
        "reason": str(decision.reason),
        "target": plain(decision.target),
        "at": location(decision.at),
    }
