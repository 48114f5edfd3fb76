"""What a template looks at again is everything that can make a value wrong."""

from reconciler.schema.schema_files import load
from reconciler.source.manifests.fast_vm import LOOKED_AT
from reconciler.source.manifests.manifest_reader import ManifestReader
from reconciler.source.yaml.fast_lines import PINNED

OF_FORM = {
    *("type", "properties", "required", "additionalProperties", "allOf", "if", "then", "$ref"),
    *("x-near-miss", "x-belongs", "x-hint", "examples", "$schema", "$id", "title", "description"),
    "$defs",
}
"""Keywords that look at keys and types alone."""


def judged(schema, root, path=()):
    """The paths at which *schema* judges a value itself."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    if schema.keys() - OF_FORM:
        yield path
    for key, each in schema.get("properties", {}).items():
        yield from judged(each, root, (*path, key))
    if isinstance(schema.get("additionalProperties"), dict):
        yield from judged(schema["additionalProperties"], root, (*path, "*"))
    for each in schema.get("allOf", ()):
        if each["if"]["properties"]["kind"]["const"] == "VirtualMachine":
            yield from judged(each["then"], root, path)


def test_every_value_that_the_schema_judges_is_looked_at_or_part_of_the_form():
    root = load("manifest")
    found = set(judged(root, root))
    assert ("spec", "template", "spec", "domain", "memory", "guest") in found
    assert {path for path in found if path[-1] not in PINNED} <= set(LOOKED_AT)


VM = """\
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata:
  name: {name}
  namespace: db
spec:
  runStrategy: Always
  template:
    spec:
      domain:
        devices: {{}}
        memory:
          guest: {guest}
"""


def test_a_form_is_learnt_once_and_serves_every_manifest_of_it():
    reader = ManifestReader()
    for number in range(5):
        found = reader.read(f"{number}.yaml", VM.format(name=f"vm-{number}", guest="2Gi").encode())
        (vm,) = found.objects
        assert vm.desired.ref.name == f"vm-{number}"
        assert vm.desired.manifest["metadata"]["name"] == f"vm-{number}"
        assert str(vm.places["spec", "template", "spec", "domain", "memory", "guest"]) == (
            f"{number}.yaml:13:18"
        )
    assert len(reader._templates) == 1


def test_a_manifest_that_something_is_to_be_said_of_teaches_nothing():
    reader = ManifestReader()
    (vm,) = reader.read("a.yaml", VM.format(name="a", guest="512Mi").encode()).objects
    assert [each.code for each in vm.diagnostics] == ["below-minimum"]
    assert reader._templates == {}
