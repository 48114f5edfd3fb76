"""``deliver``: writes a run's report to all outputs, and prints the report if an output fails."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from reconciler.app import output_files
from reconciler.errors import ReconcilerError
from reconciler.report.json_documents import run_json

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.app.run_printer import RunPrinter
    from reconciler.model.run.outcome import RunReport

log = logging.getLogger(__name__)


def deliver(report: RunReport, path: Path | None, printer: RunPrinter) -> None:
    """Write a report to the file of ``--report``, if that is set, and show the report to the user.

    Raises:
        ReconcilerError: An output failed; another output has the complete report.
    """
    failed = _write(report, path)
    shown = False
    try:
        printer.show_report(report)
        shown = True
    except ReconcilerError as error:
        failed = failed or error
    if failed is not None:
        printer.save_report(report, shown=shown)
        raise failed


def write_only(report: RunReport, path: Path | None, printer: RunPrinter) -> None:
    """Write a report to a file; if that fails, log the error and print the report on stderr."""
    if failed := _write(report, path):
        log.error("%s", failed)
        printer.save_report(report, shown=False)


def _write(report: RunReport, path: Path | None) -> ReconcilerError | None:
    """Write a report to a file, and return the error if the file cannot be written."""
    if path is None:
        return None
    try:
        output_files.write(path, run_json(report), "--report")
    except ReconcilerError as error:
        return error
    return None
