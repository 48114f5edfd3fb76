"""``server_dry_run``: sends each write of a plan as a server-side dry run (``dryRun=All``)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.phrases import plural
from reconciler.model.plan.plan import Verb

if TYPE_CHECKING:
    from reconciler.model.plan.plan import Plan
    from reconciler.ports import DryRun

_LATER = "an earlier step of the plan can change this result"


def server_dry_run(plan: Plan, dry_run: DryRun) -> Plan:
    """Return a plan with a warning for each write that the API server would reject.

    Restart requests are not sent, because they use a subresource that admission does not check.

    Raises:
        ClusterError: The API server does not respond, or rejects the credentials.
    """
    asked = [
        (number, action)
        for number, wave in enumerate(plan.waves)
        for action in wave.actions
        if action.verb is not Verb.RESTART
    ]
    places = {each.ref: each.at for each in plan.decisions}
    answers = ((number, action, dry_run.check(action)) for number, action in asked)
    refused = [
        Diagnostic(
            severity=Severity.WARNING,
            code="server-dry-run-refused",
            message=f"the API server would reject the change ({answer.refusal}): {answer.message}",
            at=places.get(action.ref),
            ref=action.target.ref if action.target else action.ref,
            hint=_LATER if number else "",
        )
        for number, action, answer in answers
        if answer.refusal is not None
    ]
    changes = plural(len(asked), "change")
    summary = Diagnostic(
        severity=Severity.NOTE,
        code="server-dry-run",
        message=f"the API server checked {changes} with dryRun=All and would reject "
        f"{len(refused)}",
    )
    return replace(plan, diagnostics=(*plan.diagnostics, *refused, summary))
