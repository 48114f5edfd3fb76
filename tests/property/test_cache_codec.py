"""Checks that the parse cache returns a file's parsed content exactly as it was stored."""

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.source.cache import cache_codec
from reconciler.source.manifests.manifest_objects import SourceFile
from reconciler.source.manifests.manifest_reader import read_manifests

FILE = SourceFile(path="vms/db.yaml")

NAMES = ["pg-0", "pg-1.db", "UPPER", "-a", "a" * 254, "1", "01", "yes", "~", '"7"', "a_b", "'b'"]
NAMESPACES = ["db", "web", "a.b", "kube-system", "Db", "1", '"1"', "~", "x" * 64, "''"]
SIZES = [
    *("2Gi", "4Gi", "8Gi", "2048Mi", "2147483648", '"2147483648"', "2.5Gi", "1e9", "1e10", "3G"),
    *("1Gi", "512Mi", "1025Mi", "2049Mi", "0", "0Gi", "-1Gi", "2GB", "2 Gi", "true", "~", "1.5"),
    *("+2Gi", "2Gi # two", "0x80000000", "010000000000", "4_294_967_296", "9223372036854775808"),
    *("1e400", ".5Ti", "0.5Ti", "4.0Gi", '"4Gi"', "'4Gi'", "1E", "4294967296.0", "[]", "{}"),
]
NOTES = ['"true"', "'false'", "true", '"10"', "10", "window", "never", "stage", "nver", '""', "x"]
WORDS = ["a", '"b"', "1", "true", "db", "~", '"true"', "{}", "x # c", "|\n        x"]
OURS = ["suspend", "priority", "restart", "suspnd"]
KINDS = ["VirtualMachine"] * 12 + ["VirtualMachineInstance", "Secret", "KubeVirt", "VirtualMachin"]
VERSIONS = ["kubevirt.io/v1"] * 12 + ["kubevirt.io/v1alpha3", "v1", "kubevirt.io/v2", "~", "1"]


@st.composite
def forms(draw):  # noqa: C901 - one line of a manifest after another
    """Generate the lines of a VM manifest with placeholders, and values for each placeholder."""
    lines = [("apiVersion: {}", VERSIONS), ("kind: {}", KINDS), ("metadata:", None)]
    lines.append(("  name: {}", NAMES))
    if draw(st.booleans()):
        lines.append(("  namespace: {}", NAMESPACES))
    if draw(st.booleans()):
        lines.append(("  labels:", None))
        lines += [(f"    {key}: {{}}", WORDS) for key in draw(some("app", "tier", "x/y"))]
    if draw(st.booleans()):
        lines.append(("  annotations:", None))
        lines += [(f"    {key}: {{}}", WORDS) for key in draw(some("owner", "note"))]
        for name in draw(st.lists(st.sampled_from(OURS), unique=True, max_size=2)):
            lines.append((f"    memory.reconciler.dev/{name}: {{}}", NOTES))
    lines.append(("spec:", None))
    if draw(st.booleans()):
        lines.append((draw(st.sampled_from(["  runStrategy: {}", "  running: {}"])), WORDS))
    if draw(st.integers(0, 3)) == 0:
        lines.append(("  instancetype:", None))
        lines += [("    name: {}", NAMES), ("    kind: {}", WORDS)][: draw(st.integers(1, 2))]
    if draw(st.integers(0, 9)) == 0:
        key = draw(st.sampled_from(["memory", "templat", "dataVolumeTemplates", "domain"]))
        lines.append((f"  {key}: {{}}", WORDS))
    lines += [("  template:", None), ("    spec:", None), ("      domain:", None)]
    if draw(st.booleans()):
        lines.append(("        devices: {{}}", []))
    if draw(st.integers(0, 5)):
        lines.append(("        memory:", None))
        for key in draw(some("guest", "maxGuest", "guestt")):
            lines.append((f"          {key}: {{}}", SIZES))
        if draw(st.integers(0, 3)) == 0:
            lines.append(("          hugepages:", None))
            lines.append(
                ("            pageSize: {}", ["1Gi", "2Mi", "|-\n              1Gi", "1"])
            )
    else:
        lines.append(("        cpu: {{}}", []))
    return lines


def some(*keys):
    return st.lists(st.sampled_from(keys), min_size=1, max_size=2, unique=True)


@st.composite
def fleets(draw):
    """Generate files with similar VM manifests, in which nearly all values are valid."""
    found = []
    for lines in draw(st.lists(forms(), min_size=1, max_size=2)):
        for _ in range(draw(st.integers(1, 4))):
            text = "".join(line.format(value(draw, of) if of else "") + "\n" for line, of in lines)
            found.append(text)
    joined = draw(st.sampled_from([0, 0, 1, 2]))
    if joined == 1:
        found = ["---\n".join(found)]
    if joined == 2:
        found = [f"# fleet\n---\n{found[0]}---\n# no more\n", *found[1:]]
    return found


def value(draw, of):
    """Choose a random value, usually the first one, so that most manifests are valid."""
    return of[0] if draw(st.integers(0, 2)) else draw(st.sampled_from(of))


def described(result):
    """Convert a parse result to a string with all values and their types."""
    objects = [
        (each.desired, sorted(each.places.items()), each.diagnostics) for each in result.objects
    ]
    return repr((objects, dict(result.skipped), result.diagnostics))


@given(fleets())
@settings(max_examples=50, deadline=None)
def test_parse_cache_returns_the_parse_result_that_was_stored(texts):
    for text in texts:
        found = read_manifests(FILE.path, text.encode())
        kept = cache_codec.encode(found, FILE.path)
        assert kept is not None
        assert described(cache_codec.decode(kept, FILE)) == described(found)


@given(fleets(), st.data())
@settings(max_examples=50, deadline=None)
def test_damaged_parse_cache_entry_is_decoded_or_raises_a_value_error(texts, data):
    kept = cache_codec.encode(read_manifests(FILE.path, texts[0].encode()), FILE.path)
    at = data.draw(st.integers(0, len(kept) - 1))
    damaged = kept[:at] + data.draw(st.binary(max_size=3)) + kept[at + 1 :]
    with contextlib.suppress(ValueError):
        cache_codec.decode(damaged, FILE)
