"""Reads the approval from ``--plan`` or ``--expect-digest``, and compares the plan with it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.app.read_and_plan import cluster_words
from reconciler.errors import SourceError, StaleError, UsageError, WrongClusterError
from reconciler.model.phrases import plural
from reconciler.model.quoting import cut
from reconciler.plan.approval_summary import approval_of
from reconciler.report.wording import is_commit, origin

if TYPE_CHECKING:
    from reconciler.app.apply_options import ApplyOptions
    from reconciler.app.input_options import SourceOptions
    from reconciler.model.plan.approval import Approval
    from reconciler.model.plan.plan import Plan


def read(options: ApplyOptions) -> Approval | None:
    """Read the approved plan from the file of ``--plan``; return None without that option.

    Raises:
        UsageError: Both ``--plan`` and ``--expect-digest`` are set.
        SourceError: The file does not contain a plan.
    """
    if options.plan_file is None:
        return None
    if options.expect_digest is not None:
        raise UsageError(
            "--plan and --expect-digest cannot be combined",
            hint=(
                "use only one of these options; the environment variables RECONCILER_PLAN and "
                "RECONCILER_EXPECT_DIGEST also set them"
            ),
        )
    from reconciler.source.plan_file import read_approval  # noqa: PLC0415 - rarely needed

    return read_approval(options.plan_file)


def approved_source(options: ApplyOptions, approval: Approval) -> SourceOptions:
    """Return the user's source options; without a source, select the approved plan's commit.

    Raises:
        SourceError: The plan was not made from a commit.
    """
    source = options.source
    if source.revision is not None or source.working_tree or source.files:
        return source
    if approval.dirty:
        raise SourceError(
            f"the plan {options.plan_file} was made from uncommitted files on top of commit "
            f"{cut(approval.revision)}, so no commit contains the approved desired state",
            hint="commit the files, then plan again and approve that plan; or set --working-tree",
        )
    if not is_commit(approval.revision):
        raise SourceError(
            f"the plan {options.plan_file} was made from {cut(approval.revision)}, "
            "not from a commit",
            hint="pass the same manifests with -f, or a commit with --revision",
        )
    return replace(source, revision=approval.revision)


def check(plan: Plan, approval: Approval | None, expect_digest: str | None) -> Approval | None:
    """Return the approval that limits what the run writes, or None if no approval is required.

    Raises:
        WrongClusterError: The approval is for another cluster.
        StaleError: *plan* does not have the expected digest.
    """
    if expect_digest is not None:
        if plan.digest == expect_digest:
            return approval_of(plan)
        raise StaleError(
            f"the plan has changed since its approval: the approved digest is {expect_digest}, "
            f"and the current digest is {plan.digest}; nothing was written",
            hint="review the new plan and approve its digest; or run `apply --plan FILE`, "
            "which applies only the actions that have not changed",
        )
    if approval is None or approval.cluster == plan.cluster:
        return approval
    approved, found = map(cluster_words, (cut(approval.cluster), plan.cluster))
    raise WrongClusterError(
        f"the plan was approved for {approved}, but the live state comes from {found}",
        hint="check --context, or plan against this cluster and approve that plan",
    )


def note(approval: Approval) -> str:
    """Return a note about the approval that the run used, for the report of the run."""
    made = origin(cut(approval.revision), dirty=approval.dirty)
    count = plural(sum(map(len, approval.actions.values())), "action")
    return f"{count} approved by plan {approval.digest} of {made}"
