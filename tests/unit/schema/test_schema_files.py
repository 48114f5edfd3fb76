"""JSON Schema files are found in an installed wheel and in a checkout."""

import sys

import jsonschema
import pytest

from reconciler.model.fields import KUBEVIRT_FIELDS, FieldType
from reconciler.schema import schema_files


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Replace the package of this program with an empty package in a different checkout."""
    name = "stand_in_for_reconciler"
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(schema_files, "PACKAGE", name)
    schema_files.load.cache_clear()
    yield folder
    schema_files.load.cache_clear()
    sys.modules.pop(name, None)


def test_installed_wheel_reads_the_schemas_in_the_package(package):
    (package / "schemas").mkdir()
    (package / "schemas" / "x.schema.json").write_text('{"title": "wheel"}')
    assert schema_files.load("x") == {"title": "wheel"}


def test_editable_install_reads_the_schemas_of_the_checkout(package):
    (package.parent / "schemas").mkdir()
    (package.parent / "schemas" / "x.schema.json").write_text('{"title": "checkout"}')
    assert schema_files.load("x") == {"title": "checkout"}


def test_missing_schema_file_is_reported_with_its_name(package):
    with pytest.raises(FileNotFoundError, match=r"x\.schema\.json does not exist"):
        schema_files.load("x")


@pytest.mark.parametrize("name", ["manifest", "config"])
def test_published_schemas_are_valid_json_schemas(name):
    jsonschema.Draft202012Validator.check_schema(schema_files.load(name))


JSON_TYPES = {
    FieldType.GATES: "array",
    FieldType.NAMES: "array",
    FieldType.WORD: "string",
    FieldType.BOOLEAN: "boolean",
    FieldType.INTEGER: "integer",
    FieldType.QUANTITY: ["string", "integer"],
    FieldType.DURATION: "string",
}


@pytest.mark.parametrize("field", KUBEVIRT_FIELDS, ids=lambda field: field.path[-1])
def test_manifest_schema_defines_every_managed_field_with_its_type(field):
    schema = schema_files.load("manifest")
    node = schema["$defs"]["kubevirt"]
    for key in field.path[1:]:
        node = node["properties"][key]
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rpartition("/")[2]]
    assert node["type"] == JSON_TYPES[field.type]
