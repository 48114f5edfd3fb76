"""Limits on problems, objects and manifests bound the memory that hostile files take."""

import tracemalloc

import pytest
from support.manifest_texts import named_vm, vm

from reconciler.errors import SourceError
from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.references import vm_ref
from reconciler.source.manifests import read_limits
from reconciler.source.manifests.kind_scan import skipped_kinds
from reconciler.source.manifests.limited_diagnostics import (
    MAX_OF_FILE,
    MAX_OF_OBJECT,
    LimitedDiagnostics,
)
from reconciler.source.manifests.manifest_reader import read_manifests
from reconciler.source.readers import StreamReader

NO_VERSION = b"kind: VirtualMachine\n"


def problem(severity, name=None):
    ref = None if name is None else vm_ref("db", name)
    return Diagnostic(severity=severity, code="a", message="m", ref=ref)


def test_number_and_highest_severity_of_omitted_diagnostics_are_reported():
    found = LimitedDiagnostics(1)
    severities = (Severity.NOTE, Severity.NOTE, Severity.ERROR, Severity.WARNING)
    found.extend(map(problem, severities))

    kept, more = found.result()

    assert len(found) == 4
    assert kept.severity is Severity.NOTE
    assert (more.severity, more.code) == (Severity.ERROR, "more-problems")
    assert more.message == "3 more problems from here on are not listed"


def test_first_error_of_each_object_is_reported_even_beyond_the_maximum_number_of_problems():
    found = LimitedDiagnostics(0)
    found.extend(problem(Severity.ERROR, name) for name in ("a", "b", "a"))
    found.add(problem(Severity.WARNING, "c"))

    *kept, more = found.result()

    assert [each.ref.name for each in kept] == ["a", "b"]
    assert more.message == "2 more problems from here on are not listed"


def test_problems_of_a_manifest_file_beyond_the_maximum_number_are_counted():
    found = read_manifests("a.yaml", b"---\n".join([NO_VERSION] * (MAX_OF_FILE + 2))).diagnostics

    assert len(found) == MAX_OF_FILE + 1
    assert (found[-1].severity, found[-1].code) == (Severity.ERROR, "more-problems")
    assert str(found[-1].at) == "a.yaml:2001:7"


def test_problems_of_an_object_beyond_the_maximum_number_are_only_counted():
    wrong = ", ".join(f"guesu{n}: 1" for n in range(MAX_OF_OBJECT + 3))
    (found,) = read_manifests("a.yaml", vm(f"guest: 2Gi, {wrong}").encode()).objects

    assert len(found.diagnostics) == MAX_OF_OBJECT + 1
    assert {each.ref for each in found.diagnostics} == {found.desired.ref}
    assert any(each.severity is Severity.ERROR for each in found.diagnostics)


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ("MAX_OBJECTS", "the files contain more than 1 VirtualMachines"),
        ("MAX_MANIFEST_BYTES", "the manifests of all VMs together are larger than 1 bytes"),
        ("MAX_REMARKS", "the files have more than 1 problems"),
    ],
)
def test_reading_manifests_fails_if_all_files_together_exceed_a_limit(monkeypatch, limit, message):
    monkeypatch.setattr(read_limits, limit, 1)
    whole = (
        "apiVersion: kubevirt.io/v1\nkind: VirtualMachine\nmetadata: {{name: {}, namespace: a}}\n"
        "spec: {{runStrategy: Always, template: {{metadata: {{}}, spec: {{domain: "
        "{{devices: {{}}, memory: {{guest: 2Gi}}}}}}}}}}\n"
    )
    text = f"{whole.format('a')}---\n{whole.format('b')}---\n".encode() + NO_VERSION
    texts = [("a.yaml", text), ("b.yaml", NO_VERSION), ("c.yaml", NO_VERSION)]

    with pytest.raises(SourceError, match=message):
        StreamReader(texts).read()


def test_manifest_reader_releases_each_document_before_it_reads_the_next_document():
    document = named_vm("a").replace("spec: {", f"spec: {{x: [{'1,' * 5_000}], ")

    def peak(n_documents):
        tracemalloc.start()
        read_manifests("a.yaml", "---\n".join([document] * n_documents).encode())
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(1)  # import and compile what is needed once
    assert peak(10) < 3 * peak(1)


def test_ignored_object_kinds_beyond_the_maximum_number_or_with_long_names_are_counted_together():
    document = b"kind: %s\napiVersion: v1\n"
    kinds = [document % (b"B" * 64), *(document % b"A%d" % n for n in range(1_000))]

    found = skipped_kinds(b"---\n".join(kinds))

    assert found["A0"] == 1
    assert found["of other kinds"] == 2
    assert len(found) == 1_000
