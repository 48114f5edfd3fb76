"""Only the objects that the command line selects are kept; other objects are counted."""

from __future__ import annotations

import pytest
from support.builders import text_of

from reconciler.errors import SourceError
from reconciler.model.desired.scope import Scope
from reconciler.model.references import kubevirt_ref, vm_ref
from reconciler.source.readers import StreamReader
from reconciler.source.scoped_reader import ScopedReader

CR = (
    "apiVersion: kubevirt.io/v1\nkind: KubeVirt\nmetadata: {name: kubevirt, namespace: kubevirt}\n"
)


def vm(namespace, name, guest="2Gi"):
    where = f", namespace: {namespace}" if namespace else ""
    return (
        f"---\napiVersion: kubevirt.io/v1\nkind: VirtualMachine\nmetadata: {{name: {name}{where}}}"
        f"\nspec: {{template: {{spec: {{domain: {{memory: {{guest: {guest}}}}}}}}}}}\n"
    )


GIT = CR + vm("a", "one") + vm("b", "two", "2GB") + vm("", "free")


def read(scope, text=GIT, *, strict=False):
    texts = (("vms.yaml", text.encode()),)
    whole = StreamReader(texts, default_namespace=scope.namespace)
    return ScopedReader(whole, scope, strict=strict).read().state


def codes(state):
    return [(each.code, each.severity.value) for each in state.diagnostics]


def test_namespace_option_selects_vms_of_the_namespace_and_vms_without_a_namespace():
    state = read(Scope(namespace="a"))
    assert (list(state.vms), state.kubevirt) == ([vm_ref("a", "free"), vm_ref("a", "one")], None)
    assert state.unselected == {vm_ref("b", "two"), kubevirt_ref("kubevirt", "kubevirt")}
    assert [text_of(each) for each in state.diagnostics] == [
        (
            "note[not-selected] 2 of 4 objects in Git are ignored, because they are not in the "
            "namespace a"
        )
    ]
    assert state.valid, "what is not looked at stops nothing"


def test_namespace_option_that_selects_no_object_causes_a_warning():
    state = read(Scope(namespace="nowhere"), CR + vm("a", "one"))
    assert (dict(state.vms), codes(state)) == ({}, [("nothing-selected", "warning")])


@pytest.mark.parametrize("strict", [False, True])
def test_namespace_option_keeps_a_kubevirt_manifest_without_a_namespace(strict):
    text = CR.replace(", namespace: kubevirt", "") + vm("", "free")
    state = read(Scope(namespace="a"), text, strict=strict)
    assert state.kubevirt.ref == kubevirt_ref("", "kubevirt"), "-n is for VMs"
    assert (list(state.vms), codes(state)) == ([vm_ref("a", "free")], [])


def test_vm_names_on_the_command_line_select_only_those_vms():
    state = read(Scope(names=frozenset({vm_ref("a", "one")})))
    assert (list(state.vms), state.kubevirt) == ([vm_ref("a", "one")], None)
    assert codes(state) == [("not-selected", "note")]


def test_vm_name_missing_in_git_is_an_error_with_a_similar_name():
    with pytest.raises(SourceError, match="stdin has no VM a/onne") as caught:
        read(Scope(names=frozenset({vm_ref("a", "one"), vm_ref("a", "onne")})))
    assert caught.value.hint == "did you mean a/one?"


def test_namespace_option_with_manifest_files_reports_objects_of_other_namespaces():
    state = read(Scope(namespace="a"), strict=True)
    found = [text_of(each) for each in state.diagnostics if each.code == "other-namespace"]
    assert found == [
        (
            "vms.yaml:3:11: error[other-namespace] KubeVirt kubevirt/kubevirt: the manifest "
            "sets the namespace kubevirt, but -n sets the namespace a\n"
            "  hint: remove -n, or set -n kubevirt"
        ),
        (
            "vms.yaml:12:11: error[other-namespace] VirtualMachine b/two: the manifest sets "
            "the namespace b, but -n sets the namespace a\n"
            "  hint: remove -n, or set -n b"
        ),
    ]


def test_command_line_without_a_selection_keeps_every_object():
    text = CR + vm("a", "one") + vm("b", "two")
    assert read(Scope(), text) == StreamReader((("vms.yaml", text.encode()),)).read().state


def test_selection_of_objects_returns_the_same_python_object_for_unchanged_input():
    class Whole:
        reading = StreamReader((("vms.yaml", GIT.encode()),)).read()

        def read(self):
            return self.reading

    reader = ScopedReader(Whole(), Scope(namespace="a"), strict=False)
    assert reader.read() is reader.read()
