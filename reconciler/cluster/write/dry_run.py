"""``ClusterDryRun``: sends write requests as a server-side dry run (``dryRun=All``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.cluster.api import api_errors, resource_paths
from reconciler.cluster.write.writer import patch_path, refusal_of
from reconciler.model.plan.plan import Action, Verb
from reconciler.model.run.write_result import Written

if TYPE_CHECKING:
    from reconciler.cluster.api.client import Client


class ClusterDryRun:
    """A ``ports.DryRun`` that sends write requests with ``dryRun=All``."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def check(self, action: Action) -> Written:
        """Send a planned change with ``dryRun=All``; return the result, even for a rejection.

        Raises:
            ClusterError: No response arrived, or the response is an error other than a rejection.
        """
        if action.verb is Verb.CREATE:
            path, body = resource_paths.siblings(action.ref), dict(action.manifest or {})
            answer = self._client.create(path, body, dry_run=True)
        else:
            ops = [op.plain() for op in action.patch]
            answer = self._client.patch(patch_path(action), ops, dry_run=True)
        refusal = None if answer.ok else refusal_of(answer)
        if not answer.ok and refusal is None:
            raise api_errors.from_answer(answer, self._client.host)
        return Written(
            refusal=refusal,
            status=answer.status,
            message="" if answer.ok else api_errors.sentence(answer.explained()) or answer.reason,
            warnings=answer.warnings,
        )
