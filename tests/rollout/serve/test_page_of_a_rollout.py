"""A status page that applies live updates ends up equal to a page loaded after the rollout."""

from __future__ import annotations

import json
import re

import pytest
from support.html.served_pages import content
from support.serving.serve_rig import ServeRig
from support.simulated import vm_yaml

from reconciler.report.fleet_page.page_state import page_state


class OpenPage:
    """Applies live updates to a status page, as the page's script does."""

    def __init__(self, view, every: int) -> None:
        self._events = content().events
        self._view, self._every, self._n_views = view, every, 0
        self.loads, self.classes = 0, []
        self._load(view)

    def _load(self, view) -> None:
        state = page_state(view)
        self.cells, self.parts = dict(state.cells), dict(state.parts)
        self.loads += 1

    def receive(self, view) -> None:
        """Receive the current state; a slow status page receives only some of the states."""
        self._n_views += 1
        if self._n_views % self._every == 0:
            self.show(view)

    def show(self, view) -> None:
        event, self._view = self._events(self._view, view), view
        if not event:
            return
        document = json.loads(event.decode().split("data: ", 1)[1])
        if document.get("all"):
            self._load(view)
            return
        for key, *cell in document["cells"]:
            if cell:
                self.cells[key] = tuple(cell)
                self.classes.append(cell[0])
        for html in document["parts"]:
            self.parts[re.search(r'data-part="(\w+)"', html)[1]] = html


@pytest.fixture
def rig():
    found = ServeRig()
    found.git.commit("a" * 40, vm_yaml("default", "vm", "1Gi"))
    found.turns(5)
    return found


@pytest.mark.parametrize("every", [1, 3, 7])
def test_open_status_page_shows_each_step_of_a_rollout_and_the_final_state(rig, every):
    page = OpenPage(rig.view, every)
    rig.store.subscribe(lambda: page.receive(rig.view))
    rig.git.commit("b" * 40, vm_yaml("default", "vm", "2Gi"))
    rig.turns(120)
    page.show(rig.view)
    final = page_state(rig.view)
    assert (page.cells, page.parts) == (final.cells, final.parts)
    assert page.cells["vm/default/vm"] == ("cell none", "default/vm, 2Gi, unchanged: converged")
    assert any(each.endswith("changing") for each in page.classes)
    assert page.loads == 1, "no event asks for the whole page"
    assert "done" in page.parts["past"]


def test_vm_status_page_shows_the_commit_and_the_rollout_of_the_change(rig):
    rig.git.commit("b" * 40, vm_yaml("default", "vm", "2Gi"))
    rig.turns(120)
    (ref,) = rig.view.changes
    html = content().vm_page(rig.view, ref, "")
    assert "1Gi → 2Gi" in html
    assert "commit bbbbbbbbbbbb" in html
    assert rig.view.runs[0].run_id in html
