"""Checks that data files can be parsed, schemas are valid, and documents match their schemas."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator, SchemaError
from ruamel.yaml import YAML, YAMLError

from reconciler.schema.check import check

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = (".github", "examples", "schemas")
SCHEMAS = {
    ("kubevirt.io/v1", "KubeVirt"): "manifest",
    ("kubevirt.io/v1", "VirtualMachine"): "manifest",
    ("reconciler/v1alpha1", "Config"): "config",
    ("reconciler/v1alpha1", "Plan"): "plan",
    ("reconciler/v1alpha1", "RunReport"): "report",
}


def files() -> Iterator[Path]:
    """Yield every JSON and YAML file, in order."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in {".json", ".yaml", ".yml"}:
                yield path


def documents(path: Path) -> list[Any]:
    """Return the documents of *path*; a duplicate key in a mapping is an error."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        return [json.loads(text)]
    return list(YAML(typ="safe").load_all(text))


def problems(path: Path) -> Iterator[str]:
    """Yield each problem of *path*."""
    try:
        for document in documents(path):
            if path.is_relative_to(ROOT / "schemas"):
                Draft202012Validator.check_schema(document)
            elif isinstance(document, dict):
                schema = SCHEMAS.get((document.get("apiVersion"), document.get("kind")))
                if schema:
                    yield from (each.message for each in check(document, schema))
    except SchemaError as error:
        yield f"{error.json_path}: {error.message}"
    except (YAMLError, ValueError) as error:
        yield str(error)


def main() -> int:
    """Check every file and print the problems of each.

    Returns:
        0, or 1 if a file has a problem.
    """
    paths = list(files())
    lines = [f"{path.relative_to(ROOT)}: {each}" for path in paths for each in problems(path)]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.write(f"{len(paths)} data files checked, {len(lines)} problems\n")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
