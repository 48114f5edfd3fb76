"""What a person has approved, from the options of ``apply``, and whether it is meant for here."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.errors import SourceError, StaleError, UsageError, WrongClusterError
from reconciler.plan.approval_summary import approval_of
from reconciler.report.wording import is_commit, origin, plural
from reconciler.source.plan_file import read_approval

if TYPE_CHECKING:
    from reconciler.app.apply_options import ApplyOptions
    from reconciler.app.input_options import SourceOptions
    from reconciler.model.plan.approval import Approval
    from reconciler.model.plan.plan import Plan


def read(asked: ApplyOptions) -> Approval | None:
    """Return the approval in the file of ``--plan``, or None without one.

    Raises:
        UsageError: Two options name an approval.
        SourceError: The file does not hold a plan.
    """
    if asked.plan_file is None:
        return None
    if asked.expect_digest is not None:
        raise UsageError(
            "--plan and --expect-digest name two approvals",
            hint="give one of them; RECONCILER_PLAN and RECONCILER_EXPECT_DIGEST count",
        )
    return read_approval(asked.plan_file)


def approved_source(asked: ApplyOptions, approval: Approval) -> SourceOptions:
    """Return the source at the revision of the approved plan, unless the user names another.

    Raises:
        SourceError: The plan was not made from a commit.
    """
    source = asked.source
    if source.revision is not None or source.working_tree or source.files:
        return source
    if approval.dirty:
        raise SourceError(
            f"the plan {asked.plan_file} was made from files that were not committed, beside "
            f"commit {approval.revision}, so that no commit says what was approved",
            hint="commit, plan again and approve that; or apply the files with --working-tree",
        )
    if not is_commit(approval.revision):
        raise SourceError(
            f"the plan {asked.plan_file} was made from {approval.revision}, not from a commit",
            hint="give the same manifests with -f, or a commit with --revision",
        )
    return replace(source, revision=approval.revision)


def agreed(plan: Plan, approval: Approval | None, expect_digest: str | None) -> Approval | None:
    """The approval of the run that would carry out *plan*; None where none is asked for.

    Raises:
        WrongClusterError: The approval is for another cluster.
        StaleError: *plan* is not the one that is expected.
    """
    if expect_digest is not None:
        return _expected(plan, expect_digest)
    if approval is None or approval.cluster == plan.cluster:
        return approval
    meant, found = (
        each or "one that does not tell its id" for each in (approval.cluster, plan.cluster)
    )
    raise WrongClusterError(
        f"the plan was approved for cluster {meant}, and this is {found}",
        hint="check the context, or plan against this cluster and approve that",
    )


def _expected(plan: Plan, digest: str) -> Approval:
    if plan.digest == digest:
        return approval_of(plan)
    raise StaleError(
        f"the plan has changed: {digest} was approved, and the plan made now has {plan.digest}; "
        "nothing was written",
        hint="look at the new plan and approve its digest; or approve a file with `apply --plan`, "
        "which carries out what is still the same",
    )


def note(approval: Approval) -> str:
    """Whose approval a run carries out, for its report."""
    made = origin(approval.revision, dirty=approval.dirty)
    count = plural(sum(map(len, approval.actions.values())), "action")
    return f"{count} approved, by the plan {approval.digest} of {made}"
