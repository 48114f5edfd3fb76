"""The state store of ``serve`` returns the newest state and wakes its subscribers."""

from __future__ import annotations

import pytest
from support.fake_ports import FakeClock

from reconciler.model.service.view import Role, ServiceView, SourceView, Wait, WaitKind
from reconciler.serve.view_store import ViewStore


@pytest.fixture
def store() -> ViewStore:
    clock = FakeClock()
    view = ServiceView(
        instance="serve-0",
        version="0.1.0",
        started_at=clock.now(),
        at=clock.now(),
        source=SourceView(address="/fleet", revision="main"),
        history_since=clock.now(),
    )
    return ViewStore(view, clock)


def test_state_store_returns_the_changed_state_with_a_higher_version(store):
    before, _ = store.read()
    store.update(role=Role.LEADER)
    after, view = store.read()
    assert after > before
    assert view.role is Role.LEADER


def test_state_store_calls_each_subscriber_after_a_change(store):
    seen = []
    store.subscribe(lambda: seen.append(store.read()[1].role))
    store.update(role=Role.LEADER)
    assert seen == [Role.LEADER]


def test_state_store_calls_no_subscriber_whose_subscription_has_ended(store):
    seen = []
    end = store.subscribe(lambda: seen.append("called"))
    end()
    store.update(role=Role.LEADER)
    assert seen == []


@pytest.mark.parametrize(
    ("kind", "ready"),
    [
        (WaitKind.FIRST_PLAN, False),
        (WaitKind.REPOSITORY, False),
        (WaitKind.CLUSTER, False),
        (WaitKind.LEADERSHIP, True),
        (WaitKind.VALID_COMMIT, True),
        (WaitKind.ROLLOUT_LEASE, True),
        (WaitKind.FRESH_COMMIT, True),
    ],
)
def test_serve_is_ready_unless_its_state_might_be_outdated(store, kind, ready):
    store.update(waits=(Wait(kind=kind, since=store.read()[1].at, message="waits"),))
    assert store.read()[1].ready is ready
