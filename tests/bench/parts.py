"""Makes one plan step by step, as ``reconciler plan`` does, and times each step.

This module imports everything that a plan needs, so that its import can be timed as one step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubernetes import client  # noqa: F401 - the product imports it late, and a plan always does

from reconciler.app.read_and_plan import plan_against_cluster
from reconciler.app.wiring import clock_wiring
from reconciler.cluster.api import paging, resource_paths
from reconciler.cluster.api.client import Client
from reconciler.cluster.decode import workloads
from reconciler.cluster.read.cluster_reader import ClusterReader
from reconciler.model.desired.config import Config
from reconciler.plan.plan_policy import plan_policy
from reconciler.plan.planner import Planner
from reconciler.report.code_review.review import review_of_plan
from reconciler.report.code_review.sarif import sarif
from reconciler.report.html.plan_html import plan_html
from reconciler.report.json_documents import plan_json
from reconciler.report.plan_markdown import plan_markdown
from reconciler.report.plan_text import plan_text
from reconciler.source.git.commit_tree import CommitTree
from reconciler.source.git.file_selection import select
from reconciler.source.git.repository import Repository
from reconciler.source.readers import CommitReader

if TYPE_CHECKING:
    from pathlib import Path

    from bench.phases import Stopwatch

    from reconciler.model.desired.desired_state import Reading
    from reconciler.model.live.capacity import Capacity
    from reconciler.model.live.live_state import LiveState
    from reconciler.model.plan.plan import Plan

KINDS = {
    resource_paths.VMS: workloads.VMS,
    resource_paths.VMIS: workloads.VMIS,
    resource_paths.MIGRATIONS: workloads.MIGRATIONS,
}


class Read:
    """A reader that returns a desired state or snapshot that was read before."""

    def __init__(self, live: LiveState, capacity: Capacity | None) -> None:
        self._live, self._capacity = live, capacity

    def read(self) -> LiveState:
        return self._live

    def capacity(self) -> Capacity | None:
        return self._capacity


def measure(timed: Stopwatch, kubeconfig: Path | None, repo: Path) -> None:
    """Make one plan, and time each of its steps."""
    clock = clock_wiring.real_clock()
    reading = source(timed, repo)
    with Client.from_options(
        clock=clock, kubeconfig_path=str(kubeconfig) if kubeconfig else None
    ) as opened:
        pages(timed, opened)
        reader = ClusterReader(opened, clock=clock)
        with timed("read the cluster, lists side by side"):
            live = reader.read()
        with timed("read pods and quotas"):
            capacity = reader.capacity()
    policy = plan_policy(reading.config)
    with timed("decide, without them"):
        planner = Planner()
        planner.update(reading.state, live, policy, clock.now())
        planner.plan()
    with timed("decide, as a plan does"):
        _, plan = plan_against_cluster(reading.state, Read(live, capacity), policy, clock)
    rendered(timed, plan)


def source(timed: Stopwatch, repo: Path) -> Reading:
    """Read the desired state from Git, and time this step."""
    with Repository.open(repo) as opened:
        with timed("read git"):
            tree = CommitTree(opened, opened.resolve("HEAD"))
            for entry in select(tree, Config()).files:
                tree.read(entry)
        with timed("read git, parse, check, assemble"):
            return CommitReader(opened).read()


def pages(timed: Stopwatch, opened: Client) -> None:
    """List and decode all objects, one kind after the other, and time this step."""
    for plural, kind in KINDS.items():
        with timed(f"list {plural}"):
            bodies = [
                page.body for page in paging.pages(opened, resource_paths.collection(plural))
            ]
        with timed("decode those pages"):
            for body in bodies:
                kind.page(body)


def rendered(timed: Stopwatch, plan: Plan) -> None:
    """Render a plan in the formats for users, programs and code reviews, and time each."""
    formats = {
        "text": lambda: plan_text(plan, width=100, color=False, verbose=False),
        "markdown": lambda: plan_markdown(plan),
        "json": lambda: plan_json(plan),
        "html": lambda: plan_html(plan),
        "sarif": lambda: sarif(review_of_plan(plan), "0"),
    }
    for name, render in formats.items():
        with timed(f"render {name}"):
            timed.sizes[name] = sum(len(each.encode()) for each in render())
