"""``call`` and ``option_parameters``: let commands take dataclasses of options through typer.

A command declares a dataclass as a parameter, and each field of the dataclass becomes an option.
The option is in the annotation of the field, or in ``FLAGS`` if the dataclass is not part of the
command line. A field without an option keeps its default.
"""

from __future__ import annotations

from dataclasses import is_dataclass
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Annotated, Any, get_origin, get_type_hints

from reconciler.app.apply_options import ApplyOptions
from reconciler.app.input_options import ClusterOptions, SourceOptions
from reconciler.cli import options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

FLAGS: Mapping[type, Mapping[str, object]] = {
    SourceOptions: {
        "repo": options.Repo,
        "revision": options.Revision,
        "working_tree": options.WorkingTree,
        "files": options.Files,
        "config": options.ConfigFile,
        "names": options.Names,
        "namespace": options.Namespace,
        "all_namespaces": options.AllNamespaces,
        "selector": options.Selector,
        "cache_dir": options.CacheDir,
    },
    ClusterOptions: {
        "kubeconfig": options.Kubeconfig,
        "context": options.Context,
        "request_timeout_s": options.RequestTimeout,
    },
    ApplyOptions: {
        "shard": options.ShardOption,
        "deadline_s": options.Deadline,
        "no_wait": options.NoWait,
        "plan_file": options.ApprovedPlan,
        "expect_digest": options.ExpectDigest,
        "ignore_windows": options.IgnoreWindows,
        "report": options.Report,
        "trace": options.Trace,
    },
}
"""The command-line options for dataclasses of the use cases, which do not know the CLI."""


def option_parameters(target: Callable[..., object]) -> Iterator[Parameter]:
    """Yield one parameter for each option of *target*, a command or a dataclass."""
    defaults = signature(target).parameters
    for name, hint in _hints(target).items():
        if is_dataclass(hint):
            yield from option_parameters(hint)  # type: ignore[arg-type]  # a class is callable
        elif get_origin(hint) is Annotated:
            default = defaults[name].default
            yield Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=hint)


def call(target: Callable[..., Any], given: Mapping[str, Any]) -> Any:  # noqa: ANN401 - what target returns
    """Call *target* with its dataclasses, built from the values of the options *given*."""
    arguments = {}
    for name, hint in _hints(target).items():
        if is_dataclass(hint):
            arguments[name] = call(hint, given)  # type: ignore[arg-type]  # as above
        elif name in given:
            value = given[name]
            arguments[name] = tuple(value) if isinstance(value, list) else value
    return target(**arguments)


def _hints(target: Callable[..., object]) -> dict[str, object]:
    """Return the annotation of each parameter of *target*."""
    hints: dict[str, object] = get_type_hints(target, include_extras=True)
    hints.pop("return", None)
    flags: Mapping[str, object] = FLAGS.get(target, {})  # type: ignore[call-overload]  # no class
    return hints | dict(flags)
