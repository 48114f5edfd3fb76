"""A manifest that is read by what others have taught is read as if it were the only one."""

from hypothesis import given, settings
from hypothesis import strategies as st
from support.slow_check import slow_check

from reconciler.schema.check import check
from reconciler.schema.fast_check import fits
from reconciler.source.cache.cache_codec import Thawing, freeze
from reconciler.source.manifests.manifest_objects import SourceFile
from reconciler.source.manifests.manifest_reader import ManifestReader, read_any

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
    """The lines of a VM with gaps, and the values that fit each gap."""
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
    """Files of VMs of few forms, nearly all of whose values are in order."""
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
    """Mostly the first ones, so that most manifests are whole."""
    return of[0] if draw(st.integers(0, 2)) else draw(st.sampled_from(of))


def told(result):
    """Everything that *result* says, with types."""
    objects = [
        (each.desired, sorted(each.places.items()), each.diagnostics) for each in result.objects
    ]
    return repr((objects, dict(result.skipped), result.diagnostics))


@given(fleets())
@settings(max_examples=250, deadline=None)
def test_earlier_manifests_change_nothing_in_what_later_ones_say(texts):
    reader = ManifestReader()
    for text in texts * 2:
        found = reader.read(FILE.path, text.encode())
        assert told(found) == told(read_any(FILE, text)), text


@given(fleets())
@settings(max_examples=120, deadline=None)
def test_what_is_kept_comes_back_as_it_was(texts):
    reader = ManifestReader()
    thawing = Thawing(reader.lines)
    for text in texts:
        found = reader.read(FILE.path, text.encode())
        kept = freeze(found, FILE.path)
        assert kept is not None
        back = thawing.thaw(kept, FILE)
        assert told(back) == told(reader.read(FILE.path, text.encode()))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2**33)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["2Gi", "db", "", "Xy", "LiveUpdate", "60s", "kubevirt.io/v1", "1h"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "guest", "memory", "specc", "domain", "x"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)
SKELETONS = {
    "VirtualMachine": {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": "pg-0", "namespace": "db", "labels": {"a": "b"}, "annotations": {}},
        "spec": {
            "instancetype": {"name": "u1", "kind": "k", "revisionName": "r"},
            "runStrategy": "Always",
            "template": {
                "metadata": {},
                "spec": {"domain": {"memory": {"guest": "2Gi", "maxGuest": "8Gi"}, "cpu": {}}},
            },
        },
    },
    "KubeVirt": {
        "apiVersion": "kubevirt.io/v1",
        "kind": "KubeVirt",
        "metadata": {"name": "kubevirt", "namespace": "kubevirt"},
        "spec": {
            "configuration": {
                "vmRolloutStrategy": "LiveUpdate",
                "developerConfiguration": {"featureGates": ["A"], "clusterProfiler": True},
                "liveUpdateConfiguration": {"maxGuest": "8Gi", "maxHotplugRatio": 4},
                "migrations": {"bandwidthPerMigration": 0, "allowPostCopy": False},
            },
            "workloadUpdateStrategy": {
                "workloadUpdateMethods": ["LiveMigrate"],
                "batchEvictionSize": 10,
                "batchEvictionInterval": "60s",
            },
        },
    },
}


def paths(tree, at=()):
    yield at
    if isinstance(tree, dict):
        for key, each in tree.items():
            yield from paths(each, (*at, key))


def changed(tree, path, new):
    """*tree* with the value at *path* replaced; an Ellipsis takes its key away."""
    if not path:
        return new
    made = {**tree, path[0]: changed(tree.get(path[0], {}), path[1:], new)}
    return {key: each for key, each in made.items() if each is not ...}


@st.composite
def spoilt(draw):
    tree = SKELETONS[draw(st.sampled_from(sorted(SKELETONS)))]
    for _ in range(draw(st.integers(0, 2))):
        path = draw(st.sampled_from(sorted(paths(tree), key=repr)[1:]))
        if draw(st.booleans()):
            path = (*path[:-1], draw(st.sampled_from(["guest", "memory", "nam", "spek", "x"])))
        tree = changed(tree, path, draw(JSON | st.just(...)))
        if not isinstance(tree, dict) or not tree:
            break
    return tree


@given(spoilt() | JSON)
@settings(max_examples=600, deadline=None)
def test_what_fits_is_what_the_check_finds_nothing_in(tree):
    found = slow_check(tree, "manifest")
    assert check(tree, "manifest") == found
    # Floats that are whole numbers are left to the check.
    assert fits("manifest")(tree) == (found == ()) or "." in repr(tree)
