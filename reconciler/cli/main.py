"""``main``: the command line, which runs one command and returns its exit code."""

from __future__ import annotations

import gc
import re
import sys
import traceback
from collections.abc import Callable
from functools import cache
from inspect import Parameter, Signature
from types import TracebackType
from typing import Annotated

import typer

from reconciler import __version__
from reconciler.cli.arguments import (
    applicable_environment,
    examples_of,
    reject_shared_stdin,
    split_values,
)
from reconciler.cli.commands import (
    apply,
    cluster,
    comment,
    config,
    plan,
    reconcile,
    serve,
    snapshot,
    status,
    validate,
)
from reconciler.cli.demo import demo
from reconciler.cli.option_groups import call, option_parameters
from reconciler.cli.option_origins import option_origins
from reconciler.cli.options import LogOptions
from reconciler.cli.terminal import screen
from reconciler.cli.terminal.error_output import closed_output, exit_code
from reconciler.cli.terminal.standard_streams import prepare_streams
from reconciler.escaping import printable, printable_traceback
from reconciler.model.run.outcome import ExitCode

app = typer.Typer(
    name="reconciler",
    help="Reconciles KubeVirt configuration and VM memory with Git, live where possible. "
    "Shows what will happen to every VM before it changes anything.",
    epilog=examples_of(""),
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


_CONTEXT = Parameter("click_context", Parameter.KEYWORD_ONLY, annotation=typer.Context)


def _registered(command: Callable[..., ExitCode]) -> Callable[..., ExitCode]:
    """Wrap a command for typer; the wrapper sets up the log and handles errors."""

    def invoke(click_context: typer.Context, **given: object) -> ExitCode:
        given["origins"] = option_origins(click_context)
        log = call(LogOptions, given)
        screen.logging(log)

        def run() -> ExitCode:
            reject_shared_stdin(given)
            ended: ExitCode = call(command, given)
            return ended

        return exit_code(run, log.log_format)

    found = [*option_parameters(command), *option_parameters(LogOptions)]
    parameters = {each.name: each for each in (_CONTEXT, *found)}
    invoke.__doc__ = command.__doc__
    invoke.__annotations__ = {}
    invoke.__signature__ = Signature(list(parameters.values()))  # type: ignore[attr-defined]
    return invoke


for module in (
    demo,
    plan,
    apply,
    reconcile,
    serve,
    status,
    validate,
    config,
    snapshot,
    comment,
    cluster,
):
    name = module.__name__.rpartition(".")[2]
    about = (module.command.__doc__ or "").partition("\n")[0]
    app.command(name, short_help=about, epilog=examples_of(name))(_registered(module.command))

_USAGE: type[Exception] = typer.BadParameter.__bases__[0]
"""The base class of typer's usage errors; it is in a private module, so it is looked up here."""


_SENTENCES = (
    (r"Value error, (.*)\.$", r"\1"),
    (r"Input should be a valid number.*", "expected a number"),
    (r"Input should be a valid integer.*", "expected a whole number"),
    (r"Input should be a valid boolean.*", "expected true or false"),
    (r"Input should be greater than or equal to (\S+)", r"the smallest value is \1"),
    (r"Input should be less than or equal to (\S+)", r"the largest value is \1"),
    (r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)", r"unexpected argument: \1"),
)
"""Patterns for hard-to-read messages of typer and pydantic, with their replacements."""


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.")
    ] = False,
) -> None:
    if version:
        print(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


def entry() -> None:
    """Run the command line; entry point of the installed script ``reconciler``."""
    # Most values live until the end, and frequent garbage collection costs a fifth of the time.
    gc.set_threshold(50_000, 20, 20)
    prepare_streams()
    sys.excepthook = _print_exception
    sys.exit(main(sys.argv[1:]))


@cache
def _command() -> Callable[..., object]:
    """Return the command that typer builds from all options; building takes 50 ms."""
    return typer.main.get_command(app)


def main(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    try:
        with applicable_environment(arguments):
            given = split_values(arguments)
            found = _command()(args=given, prog_name="reconciler", standalone_mode=False)
            sys.stdout.flush()
    except OSError as error:
        return closed_output(error)
    except typer.Abort:
        print("interrupted", file=sys.stderr)
        return ExitCode.INTERRUPTED
    except _USAGE as error:
        print(printable(f"error: {_text(error)}"), file=sys.stderr)
        print("  hint: see `reconciler --help` and `reconciler COMMAND --help`", file=sys.stderr)
        return ExitCode.USAGE
    return int(found) if isinstance(found, int) else ExitCode.DONE


def _print_exception(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Print the traceback of an unexpected exception, with control characters escaped."""
    print(printable_traceback(traceback.format_exception(kind, error, trace)), file=sys.stderr)


def _text(error: Exception) -> str:
    """Return the message of a usage error; some messages of libraries are made easier to read."""
    message = getattr(error, "format_message", None)
    text = str(message()) if callable(message) else str(error)
    for theirs, ours in _SENTENCES:
        text = re.sub(theirs, ours, text)
    return text
