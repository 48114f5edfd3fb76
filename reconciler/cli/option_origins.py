"""``option_origins``: determines where the value of each option was set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.desired.config import OptionOrigin, OriginKind

if TYPE_CHECKING:
    import typer


def option_origins(context: typer.Context) -> dict[str, OptionOrigin]:
    """Return where each option was set: by a flag, an argument or an environment variable.

    Args:
        context: The parsed command line, in which a flag has precedence over an environment
            variable.
    """
    found = {}
    for each in context.command.params:
        source = context.get_parameter_source(each.name) if each.name else None
        where = source.name if source else ""
        if where == "ENVIRONMENT":
            found[each.name] = OptionOrigin(OriginKind.ENVIRONMENT, str(each.envvar))
        elif where == "COMMANDLINE" and each.param_type_name == "argument":
            found[each.name] = OptionOrigin(OriginKind.ARGUMENTS)
        elif where == "COMMANDLINE":
            found[each.name] = OptionOrigin(OriginKind.FLAG, _long_flag(each.opts))
    return {name: origin for name, origin in found.items() if name}


def declared_flag(declared: object) -> str:
    """Return the long flag of a declared option, or an empty string for an argument."""
    # typer stores the first flag as the default, because the default itself is in the signature.
    flags = (getattr(declared, "default", ""), *(getattr(declared, "param_decls", None) or ()))
    return _long_flag([each for each in flags if isinstance(each, str)])


def _long_flag(flags: list[str]) -> str:
    return next((each for each in flags if each.startswith("--")), "")
