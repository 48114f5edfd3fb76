"""Checks rules for the repository layout, the modules, the documents and the dependencies."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

import reconciler

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(
    not (ROOT / ".github" / "adr").is_dir(), reason="this is not a checkout"
)
PACKAGE = Path(reconciler.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

KEPT = {
    ".ci",
    ".dockerignore",
    ".github",
    ".gitignore",
    ".pre-commit-config.yaml",
    "CHANGELOG.md",
    "Dockerfile",
    "LICENSE",
    "Makefile",
    "NOTICE",
    "README.md",
    "examples",
    "pyproject.toml",
    "reconciler",
    "requirements-run.lock",
    "requirements.lock",
    "schemas",
    "tests",
}
MADE = {".git", ".venv", "build", "dist"}
"""Files that tools create and Git ignores, in addition to every ``.something_cache``."""
CEILING = 400
MOST_MODULES = 16
SUMMARY = re.compile(r"[\w`\"'].{10,200}[.?]")
"""Matches the first paragraph of a module's docstring."""
FREE_NAMES = ("simulator", "cli/commands")
"""Directories of the product whose modules can have the same names as other modules."""
IMPORT_NAMES = {"pyyaml": "yaml", "gitpython": "git", "ruamel.yaml": "ruamel.yaml"}
"""Python distributions whose import package has a different name."""
DATA_ONLY = {"tzdata"}
"""Python distributions that are only read as data files: zoneinfo reads tzdata."""


def name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def listed(found: dict) -> str:
    """Return all keys and values, which pytest would shorten, as lines."""
    return "\n".join(f"{key}: {value}" for key, value in found.items())


def is_made(name: str) -> bool:
    return name in MADE or name == ".hypothesis" or name.startswith(".coverage") or "cache" in name


def test_repository_root_contains_only_known_names():
    found = {path.name for path in ROOT.iterdir() if not is_made(path.name)}
    assert found <= KEPT, f"add these to the known names: {sorted(found - KEPT)}"


def test_gitignore_lists_the_files_that_development_tools_create():
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    for name in (".venv/", "build/", "dist/", ".mypy_cache/", ".ruff_cache/", ".pytest_cache/"):
        assert name in ignored


def test_module_docstring_starts_with_a_one_line_summary():
    found = {path: summary_of(path) for path in MODULES}
    odd = {name(path): text for path, text in found.items() if not SUMMARY.fullmatch(text)}
    assert not odd, listed(odd)


def summary_of(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.split("\n\n")[0].replace("\n", " ")


def test_each_module_has_at_most_400_lines():
    n_lines = {name(path): path.read_text(encoding="utf-8").count("\n") for path in MODULES}
    long = {path: n for path, n in n_lines.items() if n > CEILING}
    assert not long, listed(long)


def test_each_directory_has_at_most_16_modules():
    n_modules = Counter(
        path.parent.relative_to(ROOT).as_posix()
        for root in (PACKAGE, ROOT / "tests")
        for path in root.rglob("*.py")
        if path.name != "__init__.py"
    )
    full = {folder: n for folder, n in n_modules.items() if n > MOST_MODULES}
    assert not full, listed(full)


def test_module_names_are_unique():
    names = Counter(
        path.name
        for path in MODULES
        if not path.relative_to(PACKAGE).as_posix().startswith(FREE_NAMES)
    )
    del names["__init__.py"]
    assert [name for name, n in names.items() if n > 1] == []


def test_product_directory_with_modules_has_an_init_module():
    assert {path.parent for path in MODULES} == {
        path.parent for path in MODULES if path.name == "__init__.py"
    }


def imported(module: ast.Module) -> set[str]:
    """Return the absolute imports of *module*, each together with its parent package."""
    names = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
    return {".".join(name.split(".")[:n]) for name in names for n in (1, 2)}


def test_declared_dependency_is_imported_by_the_product():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {re.match(r"[a-z.\-]+", each)[0] for each in project["dependencies"]}
    used = set().union(*(imported(ast.parse(path.read_text("utf-8"))) for path in MODULES))
    needed = {IMPORT_NAMES.get(name, name.replace("-", "_")): name for name in named - DATA_ONLY}
    assert [name for module, name in needed.items() if module not in used] == []


def own_texts() -> list[Path]:
    folders = [PACKAGE, *(ROOT / name for name in (".ci", ".github", "examples", "tests"))]
    here = Path(__file__)
    return [
        path
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.suffix in {".py", ".md", ".yaml", ".yml"} and path != here
        if "node_modules" not in path.parts
    ]


def test_source_code_has_no_todo_comments():
    mark = re.compile(r"\b(TODO|FIXME|XXX)\b")
    found = [str(path) for path in own_texts() if mark.search(path.read_text(encoding="utf-8"))]
    assert found == []


def locked(name: str) -> dict[str, str]:
    """Return each requirement of a lock file without comments, by name and version."""
    text = re.sub(r"\n +#.*", "", (ROOT / name).read_text())
    requirements = re.split(r"\n(?=[a-z0-9])", text.strip())
    return {re.split(r"[ ;]", each)[0]: each for each in requirements}


def test_lock_file_of_the_image_has_the_same_versions_and_hashes_as_the_complete_lock_file():
    everything, run_time = locked("requirements.lock"), locked("requirements-run.lock")
    assert 40 < len(run_time) < len(everything)
    for name, requirement in run_time.items():
        assert re.findall("sha256:.*", requirement) == re.findall("sha256:.*", everything[name])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.match(r"[\w.-]+", each)[0] for each in project["dependencies"]}
    assert {each.replace(".", "-") for each in declared} <= {n.split("==")[0] for n in run_time}
    assert not any(name.startswith(("pytest==", "mypy==", "ruff==")) for name in run_time)


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-run.lock"])
def test_lock_file_pins_every_requirement_by_hash_and_contains_no_package_index_url(name):
    lock = (ROOT / name).read_text()
    requirements = re.split(r"\n(?=[a-z0-9])", lock.strip())
    assert len(requirements) > 40
    for requirement in requirements:
        assert re.match(r"[a-z0-9.\[\]_-]+==\S+", requirement), requirement
        assert "--hash=sha256:" in requirement, requirement
    assert "://" not in lock
    assert "index-url" not in lock


MARKDOWN = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / ".github").rglob("*.md"))]
MARKDOWN += sorted((ROOT / "examples").rglob("*.md"))


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_local_markdown_link_has_a_target(path):
    for target in re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (path.parent / target).exists(), target


@pytest.mark.parametrize(
    "path", sorted((ROOT / ".github/adr").glob("0*.md")), ids=lambda p: p.stem
)
def test_decision_record_has_a_number_the_required_headings_and_an_index_entry(path):
    text = path.read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings == ["Status", "Context", "Decision", "Consequences"]
    assert re.match(rf"# {int(path.name[:4])}\. \S", text)
    assert path.name in (path.parent / "README.md").read_text()
