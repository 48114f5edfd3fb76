"""``SourceOptions``: the options that select the inputs of a command in Git and the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from reconciler.errors import SourceError, UsageError
from reconciler.model.desired.config import Config, Mode, OptionOrigin, OriginKind
from reconciler.model.desired.scope import Scope
from reconciler.model.quoting import quoted
from reconciler.model.references import ObjectRef, vm_ref
from reconciler.model.selector import Selector, SelectorError
from reconciler.source.git.repository_url import has_password

DEFAULT_REVISION = "HEAD"
_NAMES_ORIGIN = OptionOrigin(OriginKind.ARGUMENTS)

_IN_BARE_REPOSITORY = ("HEAD", "objects", "refs")
"""The file and the directories by which git recognizes a bare repository."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOptions:
    """The options that select the source of the desired state."""

    repo: str | None = None
    revision: str | None = None
    """The branch, tag or commit; None means ``HEAD``, or the commit of an approved plan."""
    git_credentials: Path | None = None
    """The directory with the credentials for a remote ``repo``; None uses git's own mechanisms."""
    working_tree: bool = False
    files: tuple[str, ...] = ()
    config: Path | None = None
    """The configuration file that applies to the manifests in ``files``."""
    namespace: str | None = None
    """The namespace to process, which is also the default for manifests without a namespace."""
    all_namespaces: bool = False
    """Whether to process all namespaces and ignore ``namespace``, as in kubectl."""
    names: tuple[str, ...] = ()
    """The VMs to process, as ``namespace/name``, or as ``name`` if ``namespace`` is set."""
    selector: str | None = None
    cache_dir: Path | None = None
    """The directory that stores parsed manifests between runs, or None to store nothing."""
    allow_shared_cache_dir: bool = False
    """Whether to use the cache even if other users can write to its directory."""
    mode: str | None = None
    """Overrides ``mode`` in ``.reconciler.yaml``; None uses the value in the file."""
    verify: Path | None = None
    """The file with the trusted signing keys for commits, or None to accept every commit."""
    newest_only: bool = False
    """Whether to try only the newest commit, so that no older commit is used if a check fails."""
    fetch_timeout_s: float = 120.0
    origins: Mapping[str, OptionOrigin] = field(default_factory=dict, compare=False)
    """Where each option was set (flag or environment variable), by the name of its field."""

    def or_current(self) -> SourceOptions:
        """Return these options; if no source is set, use the repository of the working directory.

        Raises:
            SourceError: The working directory was deleted.
        """
        if self.repo or self.files:
            return self
        try:
            here = Path.cwd()
        except OSError as error:
            raise SourceError(
                "the working directory no longer exists",
                hint="change to another directory, or set --repo to an absolute path",
            ) from error
        found = next((each for each in (here, *here.parents) if (each / ".git").exists()), None)
        if found is None and all((here / each).exists() for each in _IN_BARE_REPOSITORY):
            found = here
        return replace(self, repo=str(found)) if found else self

    @property
    def default_namespace(self) -> str | None:
        """The namespace for manifests that set no namespace; None to leave it unset."""
        return None if self.all_namespaces else self.namespace

    def scope(self) -> Scope:
        """Return the namespaces and names to which the options limit the command.

        Raises:
            UsageError: A name is invalid, or contradicts the other options.
        """
        if self.names and self.selector is not None:
            raise UsageError(
                "VM names and --selector cannot be combined",
                hint=(
                    "use only one of the two; the environment variable RECONCILER_SELECTOR "
                    "also sets --selector"
                ),
            )
        return Scope(
            namespace=self.default_namespace, names=frozenset(map(self._named, self.names))
        )

    def _named(self, text: str) -> ObjectRef:
        namespace, slash, name = text.rpartition("/")
        if not name or "/" in namespace or (slash and not namespace):
            raise UsageError(f"{quoted(text)} is not a valid VM name", hint="write NAMESPACE/NAME")
        outer = self.default_namespace
        if not slash and outer is None:
            raise UsageError(
                f"the VM name {name} has no namespace",
                hint=f"write NAMESPACE/{name}, or set the namespace with -n",
            )
        if slash and outer not in (None, namespace):
            raise UsageError(
                f"{text} is not in the namespace {outer}, which -n sets",
                hint="remove -n, or unset the environment variable RECONCILER_NAMESPACE",
            )
        return vm_ref(namespace or outer or "", name)

    def reject_contradictions(self) -> None:
        """Check that the options select exactly one source.

        Raises:
            UsageError: The options select no source or more than one, or an option does not
                apply to the selected source.
        """
        revision = self.revision not in (None, DEFAULT_REVISION)
        if self.repo and self.files:
            raise UsageError(
                "--repo and -f cannot be combined",
                hint=(
                    "use only one of the two; the environment variable RECONCILER_REPO also "
                    "sets --repo"
                ),
            )
        if self.files and (revision or self.working_tree):
            other = "--working-tree" if self.working_tree else "--revision"
            raise UsageError(
                f"{other} needs --repo and cannot be combined with -f",
                hint=("use only one of the two options"),
            )
        origin = self.origins.get("repo")
        if origin and origin.kind is OriginKind.FLAG and has_password(self.repo or ""):
            raise UsageError(
                "the URL in --repo contains a password, which every user of this machine can "
                "read in the process list",
                hint="set the environment variable RECONCILER_REPO instead, or use "
                "--git-credentials",
            )
        if self.config is not None and not self.files:
            raise UsageError(
                "--config requires -f; the configuration of a repository is in "
                "its .reconciler.yaml",
                hint="remove --config, or unset the environment variable RECONCILER_CONFIG",
            )
        if self.verify is not None and (self.files or self.working_tree):
            other = "--working-tree" if self.working_tree else "-f"
            raise UsageError(
                f"--verify cannot be combined with {other}: only commits have signatures",
                hint="remove one of the two options; the environment variable "
                "RECONCILER_VERIFY also sets --verify",
            )
        if revision and self.working_tree:
            raise UsageError(
                "--working-tree and --revision cannot be combined",
                hint=("use only one of the two options"),
            )
        if not self.repo and not self.files:
            raise UsageError(
                "no source for the desired state is set",
                hint="set --repo to a path or URL, or pipe manifests in with `-f -`",
            )

    def override(self, config: Config) -> Config:
        """Return a copy of a configuration with the values that the command line overrides.

        Raises:
            UsageError: An option has an invalid value.
        """
        if self.mode is not None:
            if self.mode not in set(Mode):
                raise UsageError(
                    f"--mode {self.mode} is unknown", hint="set --mode to observe or enforce"
                )
            config = config.overridden({"mode": Mode(self.mode)}, self._origin("mode"))
        if self.selector is not None:
            try:
                chosen = Selector.parse(self.selector)
            except SelectorError as error:
                raise UsageError(
                    f"--selector {self.selector}: {error}", hint="use the syntax of kubectl's -l"
                ) from error
            config = config.overridden({"selector": chosen}, self._origin("selector"))
        if self.names:
            config = config.overridden({"selector": Selector()}, _NAMES_ORIGIN)
        return config

    def _origin(self, name: str) -> OptionOrigin:
        """Return where the user set an option: on the command line or in the environment."""
        return self.origins.get(name) or OptionOrigin(OriginKind.FLAG, f"--{name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterOptions:
    """The options that select the cluster, and the time limit for API server requests."""

    kubeconfig: Path | None = None
    context: str | None = None
    request_timeout_s: float = 30.0
    time_scale: float = 1.0
    """Simulated seconds per real second, which is greater than 1 only in the demo."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusOptions:
    """The options for the Prometheus server from which this program reads alerts."""

    url: str | None = None
    """The URL without credentials, or None to read the URL from the directory ``credentials``."""
    credentials: Path | None = None
    """The directory with one file per credential, or None for no credentials."""

    @property
    def given(self) -> bool:
        """Whether any Prometheus option is set."""
        return self.url is not None or self.credentials is not None
