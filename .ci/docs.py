"""Writes the generated parts of the documentation: `make docs`, or `make docs ARGS=--check`.

A generated block is between `<!-- generated: NAME -->` and `<!-- end -->`. All other text is
written by hand.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import typer
from ruamel.yaml import YAML

from reconciler.cli.demo.demo_stage import examples, staged
from reconciler.cli.main import app
from reconciler.cli.terminal import screen
from reconciler.plan.reason_catalogue import BLOCKED
from reconciler.plan.reasons.change_reasons import CHANGES
from reconciler.plan.reasons.reason_entry import Mark
from reconciler.plan.reasons.restart_reasons import RESTARTS
from reconciler.plan.reasons.wait_reasons import WAITS
from reconciler.report.code_review.diagnostic_meanings import SECTIONS
from reconciler.report.metrics.metric_table import GROUPS
from reconciler.report.wording import MEANING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from reconciler.plan.reasons.reason_entry import ReasonEntry

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / ".github" / "docs"
BLOCK = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)

SHOWN_VMS = (
    *("db/legacy", "db/mongo", "web/gpu", "web/old", "batch/import"),
    *("web/front-3", "db/pg-1", "db/pg-replica", "batch/nightly"),
)
"""The VMs in the README's transcript; a `…` replaces the others."""
EXPLAINED = ("db/legacy", "web/old")
SAMPLES = (
    (r"(?m)^Plan [0-9a-f]{12}", "Plan 238f8dc966c2"),
    (r"commit [0-9a-f]{12}", "commit 7340267a0eb6"),
    (r"cluster [0-9a-f-]{36}", "cluster 3a524c0d-deba-4bfb-8139-c5793a6587f4"),
    (r"read \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "read 2026-11-23 04:37:13 UTC"),
)
"""Patterns of texts that differ from run to run, with the texts that the README contains."""


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    lines = [list(head), ["---" for _ in head], *map(list, rows)]
    return "".join(f"| {' | '.join(cell.strip() for cell in line)} |\n" for line in lines)


def configuration() -> str:
    """Return the reference of `.reconciler.yaml`, from its schema."""
    schema = json.loads((ROOT / "schemas" / "config.schema.json").read_text(encoding="utf-8"))
    rows = [
        (f"`{key}`", kind(value), default(value), value["description"])
        for key, value in keys(schema, "")
    ]
    return table(("key", "type", "default", "meaning"), rows)


def keys(schema: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each key with its schema; nested keys are `outer.inner` or `list[].inner`."""
    for name, value in schema.get("properties", {}).items():
        yield prefix + name, value
        yield from keys(value, f"{prefix}{name}.")
        yield from keys(value.get("items", {}), f"{prefix}{name}[].")


def kind(value: Mapping[str, Any]) -> str:
    """Return the type of a key in words."""
    if "const" in value:
        return f"`{value['const']}`"
    if "enum" in value:
        return " or ".join(f"`{each}`" for each in value["enum"])
    formats = {
        "timeout": "duration above zero",
        "time-zone": "time zone",
        "cron": "cron expression",
    }
    named = value.get("format", value["type"])
    words = {**formats, "array": "list", "object": "mapping"}.get(named, named.replace("-", " "))
    if "items" in value:
        words = f"list of {kind(value['items'])}s"
    low, high = value.get("minimum"), value.get("maximum")
    if high is not None:
        return f"{words} from {low} to {high}"
    return f"{words} from {low}" if low is not None else words


def default(value: Mapping[str, Any]) -> str:
    """Return the default of a key as YAML; empty if it has none."""
    return f"`{json.dumps(value['default']).strip(chr(34))}`" if "default" in value else ""


def reasons() -> str:
    """Return the tables of the plan's reasons, from the catalogue."""
    groups = (
        ("none, config, live, cold and create", CHANGES),
        ("restart", RESTARTS),
        ("wait", WAITS),
        ("blocked", BLOCKED),
    )
    parts = []
    for effects, entries in groups:
        rows = [
            (
                anchored(reason),
                each.meaning,
                each.action or "Nothing.",
                versions(each),
                f"{each.mark}: {each.where}",
            )
            for reason, each in entries.items()
        ]
        head = ("reason", "meaning", "what to do", "KubeVirt", "how it is known")
        parts.append(f"### Effect {effects}\n\n{table(head, rows)}")
    return "\n" + "\n".join(parts) + "\n"


def anchored(code: str) -> str:
    """Return a code with an anchor, to which the alerts link."""
    return f'`{code}`<a id="{code}"></a>'


def diagnostics() -> str:
    """Return the tables of the codes of reported problems."""
    parts = []
    for section, meanings in SECTIONS.items():
        rows = [
            (", ".join(map(anchored, codes.split(", "))), text) for codes, text in meanings.items()
        ]
        parts.append(f"### {section}\n\n{table(('code', 'meaning'), rows)}")
    return "\n" + "\n".join(parts) + "\n"


def versions(entry: ReasonEntry) -> str:
    """Return the KubeVirt versions that a reason applies to."""
    if entry.mark is Mark.OWN:
        return "any"
    if entry.since == entry.until:
        return f"{entry.since} only"
    return f"{entry.since} to {entry.until}" if entry.until else entry.since


def commands() -> str:
    """Return the reference of commands and options, from their help texts."""
    root = typer.main.get_command(app)
    parts = []
    for name, command in root.commands.items():
        context = typer.Context(command, info_name=f"reconciler {name}")
        records = (each.get_help_record(context) for each in command.get_params(context))
        rows = [option(*record) for record in records if record]
        head = ("option", "meaning", "default", "environment variable")
        parts.append(f"## reconciler {name}\n\n{command.help}\n\n{table(head, rows)}")
    return "\n" + "\n".join(parts) + "\n"


def option(flags: str, text: str) -> tuple[str, str, str, str]:
    """Return the table row of an option, whose help text ends with `[env var: …; default: …]`."""
    meaning, _, extra = text.partition("  [")
    facts = dict(each.split(": ", 1) for each in extra.rstrip("]").split("; ") if ": " in each)
    named, standard = facts.get("env var", ""), facts.get("default", "").strip("()")
    cells = (flags, meaning, standard, named)
    flags, meaning, standard, named = (each.replace("|", "\\|") for each in cells)
    quoted = (f"`{each}`" if each else "" for each in (standard, named))
    return (f"`{flags}`", meaning, *quoted)  # type: ignore[return-value]


def exit_codes() -> str:
    """Return the table of exit codes."""
    rows = [(str(code.value), words) for code, words in MEANING.items()]
    return table(("code", "meaning"), rows)


def report_fields() -> str:
    """Return the fields of a report, from its schema."""
    return fields("report", "outcome")


def run_list_fields() -> str:
    """Return the fields of the list of runs, from its schema."""
    return fields("runs", "run")


def status_fields() -> str:
    """Return the fields of a status, from its schema."""
    return fields("status", "vm")


def trace_fields() -> str:
    """Return the fields of a line of a trace, from its schema."""
    return fields("trace", "")


def fields(name: str, entry: str) -> str:
    """Return the fields of a document; those of its list have the form `entries[].field`."""
    schema = json.loads((ROOT / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8"))
    found = list(described(schema, schema["properties"], ""))
    if entry:
        found += described(schema, schema["$defs"][entry]["properties"], f"{entry}s[].")
    return table(("field", "meaning"), found)


def described(
    schema: Mapping[str, Any], properties: Mapping[str, Any], prefix: str
) -> Iterator[tuple[str, str]]:
    """Yield each field with its description and its permitted values."""
    for name, value in properties.items():
        referred = schema.get("$defs", {}).get(value.get("$ref", "").rpartition("/")[2], {})
        text = value.get("description") or referred.get("description", "")
        known = [f"`{each}`" for each in (referred | value).get("enum", ())]
        yield f"`{prefix}{name}`", f"{text} One of {', '.join(known)}." if known else text


def metrics() -> str:
    """Return the tables of the metrics of `serve`."""
    parts = []
    for heading, group in GROUPS.items():
        rows = [
            (
                f"`{each.full_name}`",
                each.type,
                ", ".join(f"`{label}`" for label in each.labels),
                each.meaning,
            )
            for each in group
        ]
        parts.append(f"## {heading}\n\n{table(('metric', 'type', 'labels', 'meaning'), rows)}")
    return "\n" + "\n".join(parts) + "\n"


def transcript() -> str:
    """Return the plan of the demo's second scenario, shortened for the README."""
    printed = StringIO()
    world, source = examples() / "worlds" / "fleet.yaml", examples() / "fleet"
    with (
        tempfile.TemporaryDirectory() as folder,
        redirect_stdout(printed),
        patch.object(screen, "UNWRAPPED", 120),
        staged(Path(folder), world, source, 20.0) as stage,
    ):
        stage.commit(*(each.name for each in source.iterdir()))
        stage.plan()
    text = printed.getvalue()
    text = text[text.index("$ reconciler plan") : text.index("KubeVirt cannot cancel")].strip()
    for pattern, sample in SAMPLES:
        text = re.sub(pattern, sample, text)
    return f"```\n{shortened(text)}\n```\n"


def shortened(text: str) -> str:
    """Remove all VMs from *text* that the README does not show."""
    lines: list[str] = []
    kept = True
    for line in text.splitlines():
        heading = re.match(r"  (?:KubeVirt )?(\S+/\S+): ", line)
        row = re.match(r"([a-z]+) +(\S+) .*\S+:\d+:\d+$", line)
        if row:
            kept = f"{row[1]}/{row[2]}" in SHOWN_VMS
        elif heading:
            kept = heading[1] in EXPLAINED
        elif not line.startswith("    "):
            kept = True
        if kept:
            lines.append(line)
        elif not lines[-1].endswith("…"):
            lines.append("…" if row else "  …")
    return "\n".join(lines)


def action(name: str) -> str:
    """Return the inputs and outputs of a composite action as two tables."""
    document = YAML(typ="safe").load(ROOT / ".github" / "actions" / name / "action.yml")
    inputs = (
        (
            f"`{each}`",
            about["description"],
            "required" if about.get("required") else f"`{about['default']}`".replace("``", ""),
        )
        for each, about in document["inputs"].items()
    )
    text = table(("input", "meaning", "default"), inputs)
    if "outputs" in document:
        rows = ((f"`{each}`", about["description"]) for each, about in document["outputs"].items())
        text += "\n" + table(("output", "meaning"), rows)
    return text


BLOCKS: Mapping[str, Callable[[], str]] = {
    "action-apply": lambda: action("apply"),
    "action-install": lambda: action("install"),
    "action-plan": lambda: action("plan"),
    "commands": commands,
    "configuration": configuration,
    "diagnostics": diagnostics,
    "exit-codes": exit_codes,
    "metrics": metrics,
    "reasons": reasons,
    "report-fields": report_fields,
    "run-list-fields": run_list_fields,
    "status-fields": status_fields,
    "trace-fields": trace_fields,
    "transcript": transcript,
}


def pages() -> dict[str, Path]:
    """Return the page of each generated block."""
    paths = (ROOT / "README.md", *sorted(DOCS.glob("*.md")))
    return {
        name: path
        for path in paths
        for _, name, _ in BLOCK.findall(path.read_text(encoding="utf-8"))
    }


def rewritten(text: str, only: str = "") -> str:
    """Generate the blocks in *text* again, or only the block *only*, and return the new text."""

    def block(match: re.Match[str]) -> str:
        if only and match[2] != only:
            return match[0]
        new = match[1] + BLOCKS[match[2]]() + match[3]
        return match[0] if comparable(new) == comparable(match[0]) else new

    return BLOCK.sub(block, text)


def comparable(text: str) -> str:
    """Return *text* without forecast times, which vary, and without column widths."""
    return re.sub(r" +", " ", re.sub(r"\b(\d+m)?\d+s-(\d+m)?\d+s\b", "TIMES", text))


def main() -> int:
    """Write the generated blocks, or with --check only list the pages that are out of date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    stale = []
    for path in sorted(set(pages().values())):
        text = path.read_text(encoding="utf-8")
        new = rewritten(text)
        if new != text:
            stale.append(path)
            if not check:
                path.write_text(new, encoding="utf-8")
    verb = "stale" if check else "written"
    sys.stdout.write("".join(f"{path.relative_to(ROOT)}: {verb}\n" for path in stale))
    return 1 if stale and check else 0


if __name__ == "__main__":
    sys.exit(main())
