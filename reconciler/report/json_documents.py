"""Converts plans and run reports to JSON documents that conform to ``schemas/``.

Lists whose length depends on the number of VMs are iterators, which can be read only once.
"""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from reconciler.plan.digest import manifest_digest
from reconciler.plan.reason_catalogue import CATALOGUE
from reconciler.report.comparison.comparison_document import (
    baseline_document,
    comparison_document,
    found_document,
)
from reconciler.report.json_text import pieces
from reconciler.report.json_values import (
    API_VERSION,
    identity,
    location,
    number,
    plain,
    timestamp,
)
from reconciler.report.wording import verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.alerts.alert_hold import AlertHold
    from reconciler.model.plan.comparison import Comparison
    from reconciler.model.plan.plan import Action, Change, Decision, Plan, Wave, WriteTarget
    from reconciler.model.plan.plan_forecast import Forecast, VMForecast
    from reconciler.model.revision.commit_in_force import CommitInForce
    from reconciler.model.run.outcome import MigrationSummary, Outcome, RunReport


def plan_json(plan: Plan, comparison: Comparison | None = None) -> Iterator[str]:
    """Convert a plan to JSON that conforms to ``schemas/plan.schema.json``, in pieces."""
    return pieces(plan_document(plan, comparison))


def run_json(run: RunReport) -> Iterator[str]:
    """Convert a run report to JSON that conforms to ``schemas/report.schema.json``, in pieces."""
    return pieces(run_document(run))


def plan_document(plan: Plan, comparison: Comparison | None = None) -> dict[str, Any]:
    """Convert a plan to JSON values."""
    document = {
        "apiVersion": API_VERSION,
        "kind": "Plan",
        "revision": plan.revision,
        "dirty": plan.dirty,
        "commit": commit_document(plan.in_force),
        "digest": plan.digest,
        "cluster": plan.cluster,
        "observedAt": timestamp(plan.observed_at),
        "kubevirt": _kubevirt(plan),
        "summary": {str(effect): n for effect, n in plan.summary.items()},
        "objects": (_object(each, comparison) for each in plan.decisions),
        "waves": [_wave(each) for each in plan.waves],
        "forecast": _forecast(plan.forecast),
        "diagnostics": (found_document(each, comparison) for each in plan.diagnostics),
        "skipped": dict(sorted(plan.skipped.items())),
        "hold": plan.hold and hold_document(plan.hold),
    }
    if comparison is not None:
        document["comparison"] = comparison_document(comparison)
    return document


def run_document(run: RunReport) -> dict[str, Any]:
    """Convert a run report to JSON values."""
    counts = Counter(each.result for each in run.outcomes)
    return {
        "apiVersion": API_VERSION,
        "kind": "RunReport",
        "runId": run.run_id,
        "startedAt": timestamp(run.started_at),
        "endedAt": timestamp(run.ended_at),
        "exit": {
            "code": int(run.exit),
            "name": run.exit.name.lower().replace("_", "-"),
            "returned": int(run.returned),
            "message": run.message or verdict(run),
        },
        "plan": {
            "revision": run.plan.revision,
            "dirty": run.plan.dirty,
            "commit": commit_document(run.plan.in_force),
            "digest": run.plan.digest,
            "cluster": run.plan.cluster,
            "kubevirt": _kubevirt(run.plan),
        },
        "notes": list(run.notes),
        "counts": {str(result): n for result, n in sorted(counts.items())},
        "outcomes": map(outcome_document, run.outcomes),
    }


def commit_document(found: CommitInForce | None) -> dict[str, Any] | None:
    """Convert the applied commit, and newer commits that were rejected, to JSON values."""
    if found is None:
        return None
    return {
        "requested": found.revision,
        "newest": found.newest,
        "inForce": found.commit,
        "behind": found.behind,
        "signer": found.signer or None,
        "refused": [
            {"commit": each.commit, "reason": str(each.reason), "message": each.message}
            for each in found.refused
        ],
    }


def hold_document(hold: AlertHold) -> dict[str, Any]:
    """Convert the alerts that pause the rollout to JSON values."""
    return {
        "reason": str(hold.reason),
        "since": timestamp(hold.since),
        "alerts": list(hold.alerts),
        "message": hold.message,
        "hint": hold.hint,
    }


def _kubevirt(plan: Plan) -> dict[str, Any]:
    ref = plan.kubevirt
    return {"namespace": ref.namespace, "name": ref.name, "version": plan.kubevirt_version}


def _object(decision: Decision, comparison: Comparison | None = None) -> dict[str, Any]:
    actions, known = decision.actions, CATALOGUE[decision.reason]
    document = {
        **identity(decision.ref),
        "uid": decision.uid,
        "effect": str(decision.effect),
        "reason": str(decision.reason),
        "message": decision.why.message,
        "hint": decision.why.hint,
        "evidence": {"mark": str(known.mark), "where": known.where},
        "guest": plain(decision.guest),
        "target": plain(decision.target),
        "wave": str(actions[0].wave) if actions else None,
        "digest": _digest(actions),
        "warnings": list(decision.warnings),
        "owner": decision.owner or None,
        "at": location(decision.at),
        "changes": [_change(each) for each in decision.changes],
        "patch": [op.plain() for action in actions for op in action.patch],
        "actions": [_action(each) for each in actions],
    }
    if comparison is not None:
        document["baseline"] = baseline_document(comparison.objects[decision.ref])
        for each, change in zip(document["changes"], decision.changes, strict=True):
            each["edited"] = comparison.edits(decision.ref, change)
    return document


def _digest(actions: tuple[Action, ...]) -> str | None:
    """Return a digest of all planned writes to an object, or None if no write is planned."""
    if len(actions) <= 1:
        return actions[0].digest if actions else None
    joined = "\n".join(each.digest for each in actions)
    return f"sha256:{sha256(joined.encode()).hexdigest()}"


def _change(change: Change) -> dict[str, Any]:
    document: dict[str, Any] = {
        "field": ".".join(change.field),
        "from": plain(change.before),
        "to": plain(change.after),
        "at": location(change.at),
        "wave": str(change.wave),
    }
    if change.written is not None:
        field = ".".join(change.written.path)
        document["written"] = {**_target(change.written.target), "field": field}
    return document


def _target(target: WriteTarget) -> dict[str, str]:
    ref = target.ref
    return {"apiVersion": f"{ref.group}/{target.version}", **identity(ref)}


def _action(action: Action) -> dict[str, Any]:
    document: dict[str, Any] = {
        "id": action.id,
        "wave": str(action.wave),
        "verb": str(action.verb),
        "effect": str(action.effect),
        "reason": str(action.reason),
        "digest": action.digest,
        "patch": [op.plain() for op in action.patch],
    }
    if action.target is not None:
        document["target"] = _target(action.target)
    if action.manifest is not None:
        # The manifest may contain secrets, for example in cloud-init, and users share plans.
        document["manifestDigest"] = manifest_digest(action.manifest)
    return document


def _wave(wave: Wave) -> dict[str, Any]:
    barrier = wave.barrier
    return {
        "name": str(wave.name),
        "barrier": barrier
        and {"condition": barrier.condition, "deadlineSeconds": number(barrier.deadline_s)},
        "actions": (each.id for each in wave.actions),
    }


def _forecast(forecast: Forecast) -> dict[str, Any]:
    return {
        "migrations": forecast.migrations,
        "bytesCopied": forecast.n_bytes_copied,
        "peakExtraRequests": dict(sorted(forecast.peak_extra_requests.items())),
        "earliestSeconds": number(forecast.earliest_s),
        "latestSeconds": number(forecast.latest_s),
        "vms": map(_vm_forecast, forecast.vms),
        "assumptions": list(forecast.assumptions),
    }


def _vm_forecast(forecast: VMForecast) -> dict[str, Any]:
    return {
        "namespace": forecast.ref.namespace,
        "name": forecast.ref.name,
        "position": forecast.position,
        "earliestSeconds": number(forecast.earliest_s),
        "latestSeconds": number(forecast.latest_s),
    }


def outcome_document(outcome: Outcome) -> dict[str, Any]:
    """Convert the result of a run for one object to JSON values."""
    return {
        **identity(outcome.ref),
        "effect": str(outcome.effect),
        "actuation": str(outcome.actuation),
        "result": str(outcome.result),
        "reason": outcome.reason,
        "message": outcome.why.message,
        "hint": outcome.why.hint,
        "actionId": outcome.action_id or None,
        "digest": outcome.digest or None,
        "patchedAt": timestamp(outcome.patched_at) if outcome.patched_at else None,
        "restartedAt": timestamp(outcome.restarted_at) if outcome.restarted_at else None,
        "endedAt": timestamp(outcome.ended_at) if outcome.ended_at else None,
        "seconds": None if outcome.seconds is None else number(outcome.seconds),
        "failedMigrations": outcome.failed_migrations,
        "migration": _migration(outcome.migration),
        "guestBefore": plain(outcome.guest_before),
        "guestNow": plain(outcome.guest_now),
        "revision": outcome.revision or None,
    }


def _migration(migration: MigrationSummary | None) -> dict[str, Any] | None:
    if migration is None:
        return None
    return {
        "name": migration.name,
        "uid": migration.uid,
        "phase": migration.phase,
        "sourceNode": migration.source_node,
        "targetNode": migration.target_node,
        "failureReason": migration.failure_reason,
    }
