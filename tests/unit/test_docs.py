"""Checks that generated documentation is up to date, and that every reason code is explained."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import reconciler
from reconciler.model.run.outcome import ExitCode
from reconciler.schema.check import check

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path(reconciler.__file__).parent
DOCS = ROOT / ".github" / "docs"
TOOL = ROOT / ".ci" / "docs.py"

pytestmark = pytest.mark.skipif(not TOOL.exists(), reason="this is not a checkout")

GENERATED = (
    *("commands", "configuration", "diagnostics", "exit-codes", "metrics", "reasons"),
    *("report-fields", "run-list-fields", "status-fields", "trace-fields", "transcript"),
    *("action-apply", "action-install", "action-plan"),
)
PAGES = [
    *(ROOT / "README.md", *sorted(DOCS.glob("*.md"))),
    *sorted((ROOT / ".github").glob("*.md")),
    *(path for path in sorted((ROOT / ".github/adr").glob("*.md")) if "0011" not in path.name),
]
"""The pages that describe the current code, except decision record 11 about removed code."""
SCHEMAS = {"Config": "config", "Notify": "notify", "Verification": "verification"}
"""The JSON schema for each kind of document in the documentation; other kinds are manifests."""
NO_CODES = {
    *("first-plan", "fresh-commit"),
    "alert-matcher",
    *("invalid-commit", "waits-for-person"),
    *("valid-commit", "restart-waits"),
    *("rollout-lease", "virt-launcher"),
    *("no-referrer", "no-secret", "no-store", "same-origin", "latin-1"),
    "argocd-application-controller",
    *("argocd-controller", "helm-controller", "kustomize-controller"),
    *("hyperconverged-cluster-operator", "memory-reconciler-config", "memory-reconciler-memory-0"),
    "memory-reconciler-serve",
    *("hco-operator", "virt-platform-autopilot", "max-hotplug-ratio", "kubevirt-hyperconverged"),
    *("cozy-kubevirt", "d8-virtualization", "harvester-system", "docker-machine-driver-harvester"),
    *("content-length", "transfer-encoding"),
    *("content-type", "user-agent", "utf-8", "utf-8-sig", "utf-16", "utf-16-be", "vm-alpine"),
    *("date-time", "dns-label", "dns-subdomain", "label-key", "relative-path", "time-zone"),
    *("x-belongs", "x-hint", "x-hints", "x-near-miss", "working-tree"),
    *(
        "feature-gate",
        "default-on",
        "in-progress",
        "not-needed",
        "not-started",
        "drop-revision",
        "name-alone",
    ),
    *("certificate-authority", "client-certificate", "client-key", "current-context"),
    *("retry-after", "x-ratelimit-remaining", "x-ratelimit-reset", "gitea-actions"),
    *("ratelimit-remaining", "ratelimit-reset", "github-output"),
    *(
        "cat-file",
        "merge-base",
        "rev-parse",
        "rev-list",
        "verify-commit",
        "verify-tag",
        "ssh-keygen",
    ),
    *("cert-authority", "valid-after", "valid-before", "ssh-dss", "ssh-rsa", "commit-and-tag"),
    *("openssh-client", "apt-get"),
    "run-ended",
}
"""Hyphenated words in the code that are neither reasons nor codes of reported problems."""


@pytest.fixture(scope="session")
def docs():
    spec = importlib.util.spec_from_file_location("docs", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_documentation_block_is_on_exactly_one_page(docs):
    assert set(docs.pages()) == set(docs.BLOCKS) == set(GENERATED)


@pytest.mark.parametrize("name", GENERATED)
def test_generated_documentation_block_is_up_to_date(docs, name):
    text = docs.pages()[name].read_text(encoding="utf-8")
    assert docs.rewritten(text, name) == text, "run `make docs`"


def test_stale_generated_documentation_block_is_detected(docs):
    text = docs.pages()["exit-codes"].read_text(encoding="utf-8")
    stale = text.replace("another run holds the lease", "something else")
    assert docs.rewritten(stale, "exit-codes") == text != stale


def hyphenated():
    """Yield each string in the code that has the form of a reason code, except options of git."""
    for path in PACKAGE.rglob("*.py"):
        if {"simulator", "git"} & set(path.relative_to(PACKAGE).parts):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from re.findall(r"\A[a-z][a-z0-9]*(?:-[a-z0-9]+)+\Z", node.value)


def test_reason_code_in_the_product_is_explained_in_the_documentation():
    explained = set(re.findall(r"`([a-z0-9-]+)`", (DOCS / "reasons.md").read_text("utf-8")))
    assert set(hyphenated()) - explained - NO_CODES == set()


def test_reason_code_in_the_documentation_exists_in_the_product():
    text = (DOCS / "reasons.md").read_text(encoding="utf-8").split("## Reasons in a report")[1]
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    explained = {code for row in rows for code in re.findall(r"`([a-z0-9-]+)`", row)}
    modules = (path for path in PACKAGE.rglob("*.py") if path.name != "diagnostic_meanings.py")
    product = " ".join(path.read_text("utf-8") for path in modules)
    known = {each.name.lower().replace("_", "-") for each in ExitCode}
    plural = {"pods-unreadable", "resourcequotas-unreadable", "limitranges-unreadable"}
    assert {each for each in explained - known - plural if f'"{each}"' not in product} == set()


def exists(name):
    """Return whether the path or dotted name *name* is a file, a directory or part of a module."""
    name = name.removeprefix("reconciler.")
    if "/" in name:
        return any((base / name).exists() for base in (ROOT, PACKAGE))
    parts = name.split(".")
    while parts and not (PACKAGE.joinpath(*parts)).is_dir():
        if PACKAGE.joinpath(*parts).with_suffix(".py").is_file():
            return True
        parts.pop()
    return len(parts) == len(name.split("."))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_documentation_page_mentions_only_existing_modules_and_files(path):
    own = {each.name for base in (ROOT, PACKAGE) for each in base.iterdir() if each.is_dir()}
    words = re.findall(r"`([a-z_]+[./][\w./-]+)`", path.read_text(encoding="utf-8"))
    named = {word for word in words if re.split("[./]", word)[0] in own}
    keys = re.findall(r"`([\w.]+)`", (DOCS / "configuration.md").read_text(encoding="utf-8"))
    assert {word for word in named - {*keys, "reconciler/v1alpha1"} if not exists(word)} == set()


def test_documentation_index_lists_every_page():
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    pages = {path.name for path in DOCS.glob("*.md")} - {"README.md"}
    assert set(re.findall(r"\]\(([a-z-]+\.md)\)", index)) == pages


def test_readme_has_at_most_200_lines():
    assert (ROOT / "README.md").read_text(encoding="utf-8").count("\n") <= 200


def test_yaml_examples_in_the_documentation_match_their_schema():
    kinds = set()
    for path in (ROOT / "README.md", *DOCS.glob("*.md")):
        for block in re.findall(r"```yaml\n(.*?)```", path.read_text("utf-8"), re.DOTALL):
            for each in YAML(typ="safe").load_all(block):
                if isinstance(each, list):
                    continue  # the steps of a workflow
                kinds.add(each["kind"])
                assert check(each, SCHEMAS.get(each["kind"], "manifest")) == ()
    assert kinds == {"KubeVirt", "VirtualMachine", "Config", "Notify", "Verification"}
