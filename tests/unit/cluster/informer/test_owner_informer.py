"""Tests how the informer reads the resources from which an operator generates the KubeVirt CR.

The resources are optional, and can appear at any time.
"""

from __future__ import annotations

import itertools
import threading
from typing import NamedTuple

import pytest

from reconciler.cluster.informer import reflector as reflector_module
from reconciler.cluster.informer.optional_kind import PATIENCE_S
from reconciler.cluster.informer.owner_informer import OwnerInformer
from reconciler.cluster.informer.reflector import Reflector
from reconciler.errors import UnauthorizedError

HYPERCONVERGEDS = "/apis/hco.kubevirt.io/{}/hyperconvergeds"
SETTING = "/apis/harvesterhci.io/v1beta1/settings/max-hotplug-ratio"
HCO = {"metadata": {"name": "hco", "namespace": "cnv", "uid": "u", "resourceVersion": "9"}}
LISTED = {"kind": "List", "metadata": {"resourceVersion": "9"}, "items": [HCO]}
RATIO = {"metadata": {"name": "max-hotplug-ratio", "uid": "s"}, "value": "6"}
HANG_S = 20.0
"""How long a test waits for a condition before it fails."""


class Owner(NamedTuple):
    """A resource from which an operator generates the KubeVirt CR, as the test server has it."""

    name: str
    path: str
    groups: dict[str, tuple[str, ...]]
    """The API group and version of the resource."""
    found: dict
    """The response that contains the resource."""


OWNERS = (
    Owner(
        "hco",
        HYPERCONVERGEDS.format("v1"),
        {"hco.kubevirt.io": ("v1",)},
        LISTED,
    ),
    Owner("max-hotplug-ratio", SETTING, {"harvesterhci.io": ("v1beta1",)}, RATIO),
)


class Rig:
    """An informer whose minute is a few milliseconds, and the scripted API server for it."""

    def __init__(self, server, client, clock, harness):
        self.server, self.clock, self._harness = server, clock, harness
        self._changed = threading.Condition()
        self._client = client
        self.groups: dict[str, tuple[str, ...]] = {}
        self.streams: dict[str, threading.Event] = {}
        self.broken: list[Exception] = []
        self.informer = OwnerInformer(
            client, clock, change=self._change, reflector=self._reflector
        )
        server.handlers["/apis"] = self._groups

    def _groups(self, _request):
        found = [
            {"name": name, "versions": [{"version": each} for each in versions]}
            for name, versions in self.groups.items()
        ]
        with self._changed:
            self._changed.notify_all()
        return self._harness.Reply(200, {"kind": "APIGroupList", "groups": found})

    def _change(self, make):
        with self._changed:
            make()
            self._changed.notify_all()

    def _reflector(self, target, path, version, **options):
        return Reflector(
            self._client,
            target,
            path=path,
            version=version,
            clock=self.clock,
            broke=lambda _what, error: self.broken.append(error),
            scale=10_000.0,
            **options,
        )

    def serve(self, path, listed):
        """Respond to lists of *path*; keep a watch open until ``end`` is called."""
        ended = self.streams[path] = threading.Event()

        def stream():
            ended.wait(HANG_S)
            yield from ()

        def answer(request):
            if "watch" in request.query:
                return self._harness.Reply(chunks=stream())
            return self._harness.Reply(200, listed)

        self.server.handlers[path] = answer

    def owners(self):
        with self._changed:
            return self.informer.owners()

    def until(self, holds):
        """Wait until *holds* is true for the resources in the snapshot, and return them."""
        with self._changed:
            assert self._changed.wait_for(lambda: holds(self.informer.owners()), HANG_S)
            return self.informer.owners()

    def polls(self, n):
        """Wait until the API groups have been listed *n* more times."""
        wanted = self.count("/apis") + n
        with self._changed:
            assert self._changed.wait_for(lambda: self.count("/apis") >= wanted, HANG_S)

    def count(self, path):
        """Return how many times an API path was listed."""
        found = [each for each in tuple(self.server.requests) if each.path == path]
        return len([each for each in found if "watch" not in each.query])

    def end(self):
        threads = self.informer.end()
        for each in self.streams.values():
            each.set()
        for each in threads:
            each.join(HANG_S)
        assert self.broken == []


@pytest.fixture
def rig(server, make_client, clock, harness, monkeypatch):
    monkeypatch.setattr(reflector_module, "_FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(reflector_module, "_LAST_PAUSE_S", 0.01)
    rig = Rig(server, make_client(), clock, harness)
    yield rig
    rig.end()


def names(owners):
    return [each.ref.name for each in owners.values]


def codes(owners):
    return [each.code for each in owners.diagnostics]


each_owner = pytest.mark.parametrize("owner", OWNERS, ids=lambda owner: owner.name)


@each_owner
@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_hyperconverged_or_harvester_setting_that_is_unreadable_at_the_start_is_read_later(
    rig, failure, owner, status
):
    rig.groups = owner.groups
    rig.server.on(owner.path, failure(status, "no", "Forbidden" if status == 403 else ""))
    rig.informer.begin()
    found = rig.owners()
    assert (names(found), codes(found)) == ([], ["owner-unreadable"] * (status != 404))
    rig.serve(owner.path, owner.found)
    found = rig.until(names)
    assert (names(found), codes(found)) == ([owner.name], [])


@each_owner
def test_hyperconverged_or_harvester_setting_is_requested_once_per_interval_without_permission(
    rig, failure, owner
):
    rig.groups = owner.groups
    rig.server.on(owner.path, failure(403, "no", "Forbidden"))
    rig.informer.begin()
    rig.polls(5)
    assert rig.count(owner.path) <= rig.count("/apis") <= rig.count(owner.path) + 1


@each_owner
def test_hyperconverged_or_harvester_that_is_installed_later_is_found_at_the_next_poll(rig, owner):
    rig.informer.begin()
    rig.polls(3)
    assert rig.count(owner.path) == 0
    rig.serve(owner.path, owner.found)
    rig.groups = owner.groups
    found = rig.until(names)
    assert (names(found), found.groups) == ([owner.name], set(owner.groups))
    rig.groups = {}
    assert rig.until(lambda owners: not owners.groups and not owners.values).diagnostics == ()


def test_watched_hyperconverged_is_not_listed_again_at_each_poll(rig):
    path = HYPERCONVERGEDS.format("v1")
    rig.groups = {"hco.kubevirt.io": ("v1",)}
    rig.serve(path, LISTED)
    rig.informer.begin()
    rig.polls(5)
    assert (rig.count(path), names(rig.owners())) == (1, ["hco"])


def test_hyperconverged_is_watched_in_the_new_api_version_after_an_upgrade(rig):
    rig.groups = {"hco.kubevirt.io": ("v1beta1",)}
    for version in ("v1beta1", "v1"):
        rig.serve(HYPERCONVERGEDS.format(version), LISTED)
    rig.informer.begin()
    assert [each.version for each in rig.owners().values] == ["v1beta1"]
    rig.groups = {"hco.kubevirt.io": ("v1beta1", "v1")}
    rig.until(lambda owners: [each.version for each in owners.values] == ["v1"])


@each_owner
def test_hyperconverged_counts_as_unknown_after_requests_failed_for_two_minutes(
    rig, failure, owner
):
    rig.groups = owner.groups
    rig.serve(owner.path, owner.found)
    rig.informer.begin()
    rig.server.on(owner.path, failure(503, "not ready"))
    rig.streams[owner.path].set()
    failed = rig.count(owner.path) + 2
    for _ in itertools.takewhile(lambda _: rig.count(owner.path) < failed, itertools.count()):
        rig.polls(1)
    assert (names(rig.owners()), codes(rig.owners())) == ([owner.name], [])
    rig.clock.elapsed += PATIENCE_S + 1
    assert (names(rig.owners()), codes(rig.owners())) == ([], ["owner-unreadable"])
    rig.serve(owner.path, owner.found)
    rig.until(lambda owners: names(owners) == [owner.name] and not owners.diagnostics)


def test_hyperconverged_counts_as_unknown_at_the_next_poll_after_permission_is_revoked(
    rig, failure
):
    path = HYPERCONVERGEDS.format("v1")
    rig.groups = {"hco.kubevirt.io": ("v1",)}
    rig.serve(path, LISTED)
    rig.informer.begin()
    rig.server.on(path, failure(403, "no", "Forbidden"))
    rig.clock.elapsed += 601.0  # the objects are listed again at least every ten minutes
    rig.streams[path].set()
    found = rig.until(lambda owners: owners.diagnostics)
    assert (names(found), codes(found)) == ([], ["owner-unreadable"])


def test_unreadable_list_of_api_groups_causes_a_diagnostic_until_the_list_is_readable(
    rig, failure
):
    listed, path = rig.server.handlers["/apis"], HYPERCONVERGEDS.format("v1")
    rig.groups = {"hco.kubevirt.io": ("v1",)}
    rig.serve(path, LISTED)
    rig.server.on("/apis", failure(503, "not ready"))
    rig.informer.begin()
    assert (codes(rig.owners()), rig.informer.served) == (["owner-unreadable"], None)
    rig.server.handlers["/apis"] = listed
    found = rig.until(names)
    assert (codes(found), found.groups) == ([], {"hco.kubevirt.io"})


def test_informer_for_hyperconverged_and_harvester_fails_if_the_server_rejects_the_credentials(
    rig, failure
):
    rig.server.on("/apis", failure(401, "Unauthorized", "Unauthorized"))
    with pytest.raises(UnauthorizedError):
        rig.informer.begin()
